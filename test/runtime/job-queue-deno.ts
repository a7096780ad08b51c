import { argv, stdout } from "node:process";
import { sqliteJobQueue } from "../../shared/job-queue/sqlite.ts";
import { sqsJobQueue } from "../../shared/job-queue/sqs.ts";
import { jobQueueHost } from "../support/job-queue-host.ts";
import { sqsOptions } from "../support/sqs-options.ts";

interface DenoServe {
  serve(options: object, handler: (request: Request) => Promise<Response>): unknown;
}
// safe because: this file runs under Deno only
const { Deno } = globalThis as unknown as { Deno: DenoServe };
const [path = "", endpoint = ""] = argv.slice(2);
const options = sqsOptions(endpoint);
const sqlite = jobQueueHost(() => sqliteJobQueue({ path, clock: options.clock, jurisdiction: "local" }));
const sqs = jobQueueHost(async () => sqsJobQueue(options));

Deno.serve(
  {
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }: { port: number }) => stdout.write(`http://127.0.0.1:${port}\n`),
  },
  (request) => (new URL(request.url).pathname === "/sqs" ? sqs(request) : sqlite(request)),
);
