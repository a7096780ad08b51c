import { argv, stdout } from "node:process";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import type { QueueName } from "../../shared/contracts/ports/job-queue.ts";
import { sqliteJobQueue } from "../../shared/job-queue/sqlite.ts";

/**
 * One of two processes that share a queue, until it is killed. `send` prints each body once its send is acknowledged,
 * `work` prints each body before it removes the job: what a run that was settled would leave.
 */
const [role = "", path = ""] = argv.slice(2);
const AT: QueueName = { pool: "p", class: "batch" };
const SENDERS = 4;
const VISIBLE_AGAIN_MS = 1_000;
const queue = await sqliteJobQueue({
  path,
  clock: { now: () => Date.now() as UnixMs }, // safe because: the machine's clock
  jurisdiction: "local",
});
const say = (text: string) => new Promise((said) => stdout.write(`${text}\n`, said));
const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

async function send(from: number): Promise<never> {
  for (let next = from; ; next += SENDERS) {
    const body = `${next} ${"x".repeat(4_000)}`;
    await queue.send({ queue: AT, body, tenant: `t${next % 5}`, traceparent });
    await say(String(next));
  }
}

async function work(): Promise<never> {
  for (;;) {
    for (const job of await queue.receive(AT, { max: 3, wait_ms: 5_000, visibility_ms: VISIBLE_AGAIN_MS })) {
      await say(job.body.split(" ")[0] ?? "");
      await queue.remove(job);
    }
  }
}

if (role === "send") await Promise.all(Array.from({ length: SENDERS }, (_, from) => send(from)));
else await work();
