import { afterAll, describe } from "vitest";
import { sqsJobQueue } from "../../shared/job-queue/sqs.ts";
import { provisionSqs } from "../../shared/job-queue/sqs-queues.ts";

import { motoPython, startMoto } from "../support/moto.ts";
import { MOTO_QUEUES, sqsOptions } from "../support/sqs-options.ts";
import { jobQueueContract } from "./job-queue.contract.ts";

const python = motoPython();
const moto = python === null ? null : await startMoto(python);
const options = sqsOptions(moto?.url ?? "http://127.0.0.1:1");
afterAll(() => moto?.stop());

describe.skipIf(moto === null)("with SQS at moto (skipped without its Python packages)", () => {
  jobQueueContract("SQS on Node", {
    async open(pools) {
      await provisionSqs(options, pools);
      return sqsJobQueue(options);
    },
    placement: { technology: "sqs", jurisdiction: "eu" },
    ...MOTO_QUEUES,
  });
});
