import type { UnixMs } from "../../shared/contracts/ids.ts";
import type { SqsJobQueueOptions } from "../../shared/job-queue/sqs.ts";

/** Queues of a test server, which takes any credentials. */
export const sqsOptions = (endpoint: string): SqsJobQueueOptions => ({
  region: "eu-central-1",
  endpoint,
  prefix: "bw",
  cell: "eu1",
  jurisdiction: "eu",
  clock: { now: () => Date.now() as UnixMs }, // safe because: the machine's clock
  groupKey: new Uint8Array(32).fill(7),
  credentials: async () => ({ access_key_id: "AKIAEXAMPLE", secret_access_key: "secret" }),
  fetch: (url, init) => fetch(url, init),
});

/** What SQS does and moto does not, and what SQS does not do either. */
export const MOTO_QUEUES = {
  staleDeliveries: "moto takes any receipt of a message that it still has",
  removals: "moto forgets one of two removals of the same moment",
  pages: "SQS cannot page",
} as const;
