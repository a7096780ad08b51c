import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { eventually, type Lab, type Tenant } from "../support/lab.ts";
import { readLedger } from "../support/ledger.ts";
import { type QueueWorld, queued } from "../support/queue-world.ts";
import { expectSumsAgree } from "../support/sums.ts";

/**
 * The longest deadline, which lines of a batch have that a killed cell left with a provider, and the grace behind it: what
 * is open then is open for ever.
 */
const ENDED_MS_MAX = LIMITS.deadlineMsMax + LIMITS.abandonGraceMs + 60_000;
const HEALED_MS_MAX = 120_000;
const PUBLISHED_MS_MAX = 180_000;

/**
 * Waits until each task that was opened has ended, once; then no message is left, no nano-dollar is held, and ledger,
 * usage, budget and the read model in Postgres tell one sum. Throws with what differs.
 */
export async function expectEverythingEnded(world: QueueWorld, tenant: Tenant): Promise<void> {
  const open = async () => {
    const counts = new Map<string, number>();
    const { entries } = await readLedger(world.lab, tenant.adminKey);
    for (const { kind, task } of entries) {
      if (task === null) continue;
      if (kind === "task.opened") counts.set(task, (counts.get(task) ?? 0) + 1);
      if (kind === "task.closed" || kind === "task.abandoned") counts.set(task, (counts.get(task) ?? 0) - 1);
    }
    return [...counts].filter(([, count]) => count !== 0);
  };
  const left = await eventuallySlow(open, (tasks) => tasks.length === 0, ENDED_MS_MAX);
  if (left.length > 0) throw new Error(`${left.length} tasks have not ended once: ${JSON.stringify(left.slice(0, 5))}`);
  const messages = await eventually(
    () => queued(world),
    ({ jobs }) => jobs === 0,
    HEALED_MS_MAX,
  );
  if (messages.jobs + messages.dead > 0) throw new Error(`left in the queue: ${JSON.stringify(messages)}`);
  await expectSumsAgree(world.lab, tenant, world.postgres, HEALED_MS_MAX);
}

const LOOK_MS = 5_000;
/** Like `eventually`, for questions that read a whole ledger. */
async function eventuallySlow<T>(ask: () => Promise<T>, seen: (value: T) => boolean, withinMs: number): Promise<T> {
  const until = Date.now() + withinMs;
  for (;;) {
    const value = await ask();
    if (seen(value) || Date.now() > until) return value;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** The whole ledger of a tenant as an export, once everything in it is published. */
export async function exportOf(lab: Lab, tenant: Tenant, file: string): Promise<{ file: string; entries: number }> {
  const { size } = await readLedger(lab, tenant.adminKey);
  const response = await eventuallySlow(
    () => lab.ask("/v1/ledger/export", { key: tenant.adminKey }),
    ({ status }) => status !== 409 && status !== 503,
    PUBLISHED_MS_MAX,
  );
  if (!response.ok || response.body === null) throw new Error(`export: ${response.status} ${await response.text()}`);
  // safe because: one stream type, declared by two libraries
  await pipeline(Readable.fromWeb(response.body as import("node:stream/web").ReadableStream), createWriteStream(file));
  return { file, entries: size };
}
