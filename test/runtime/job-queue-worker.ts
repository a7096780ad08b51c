import { sqsJobQueue } from "../../shared/job-queue/sqs.ts";
import { jobQueueHost } from "../support/job-queue-host.ts";
import { sqsOptions } from "../support/sqs-options.ts";

let host: ReturnType<typeof jobQueueHost> | null = null;

/** SQS from inside workerd: queues are made once for the isolate and used by many requests, as in a cell. */
export default {
  fetch(request: Request, env: { SQS: string }): Promise<Response> {
    host ??= jobQueueHost(async () => sqsJobQueue(sqsOptions(env.SQS)));
    return host(request);
  },
};
