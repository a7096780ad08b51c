import { afterAll, describe } from "vitest";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { sqsJobQueue } from "../../shared/job-queue/sqs.ts";
import { provisionSqs } from "../../shared/job-queue/sqs-queues.ts";
import { motoPython, startMoto } from "../support/moto.ts";
import { jobQueueContract } from "./job-queue.contract.ts";

const python = motoPython();
const moto = python === null ? null : await startMoto(python);
afterAll(() => moto?.stop());

/** An independent server on loopback; any credentials do. */
describe.skipIf(moto === null)("SQS (skipped without Python packages of moto)", () => {
  const options = {
    region: "eu-central-1",
    endpoint: moto?.url ?? "",
    prefix: "bw",
    cell: "eu1",
    jurisdiction: "eu",
    clock: { now: () => Date.now() as UnixMs }, // safe because: the machine's clock
    groupKey: new Uint8Array(32).fill(7),
    credentials: async () => ({ access_key_id: "test", secret_access_key: "test" }),
    fetch: (url: string, init: RequestInit) => fetch(url, init),
  };
  jobQueueContract("SQS of moto", {
    async open(pools) {
      await provisionSqs(options, pools);
      return sqsJobQueue(options);
    },
    placement: { technology: "sqs", jurisdiction: "eu" },
    staleDeliveries: "moto takes any receipt of a message that it still has",
    pages: "SQS cannot page",
  });
});
