import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe } from "vitest";
import { provisionSqs } from "../../shared/job-queue/sqs-queues.ts";
import { remoteJobQueue } from "../support/job-queue-host.ts";
import { startDenoQueues, startWorkerQueues } from "../support/job-queue-runtimes.ts";

import { motoPython, startMoto } from "../support/moto.ts";
import { MOTO_QUEUES, sqsOptions } from "../support/sqs-options.ts";
import { jobQueueContract } from "./job-queue.contract.ts";

const NOWHERE = "http://127.0.0.1:1";
const python = motoPython();
const moto = python === null ? null : await startMoto(python);
const endpoint = moto?.url ?? NOWHERE;
const home = realpathSync(mkdtempSync(join(tmpdir(), "bailiwick-queue-")));
const deno = await startDenoQueues(home, endpoint);
const workerd = await startWorkerQueues(endpoint);

afterAll(async () => {
  await Promise.all([deno.stop(), workerd.stop(), moto?.stop()]);
  rmSync(home, { recursive: true, force: true });
});

jobQueueContract("SQLite on Deno", {
  open: () => remoteJobQueue(`${deno.url}/sqlite`),
  placement: { technology: "sqlite", jurisdiction: "local" },
  staleDeliveries: null,
  removals: null,
  pages: null,
});

describe.skipIf(moto === null)("with SQS at moto (skipped without its Python packages)", () => {
  for (const [runtime, url] of [
    ["Deno", `${deno.url}/sqs`],
    ["workerd", workerd.url],
  ] as const)
    jobQueueContract(`SQS on ${runtime}`, {
      async open(pools) {
        await provisionSqs(sqsOptions(endpoint), pools);
        return remoteJobQueue(url);
      },
      placement: { technology: "sqs", jurisdiction: "eu" },
      ...MOTO_QUEUES,
    });
});
