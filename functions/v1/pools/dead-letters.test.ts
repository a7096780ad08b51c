import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DeadLetterPage, DeadLettersPurged } from "../../../shared/contracts/http/pools.ts";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import type { SystemEvent } from "../../../shared/contracts/ports/cell-store.ts";
import type { JobQueue, QueueClass } from "../../../shared/contracts/ports/job-queue.ts";
import { sqliteJobQueue } from "../../../shared/job-queue/sqlite.ts";
import { attribution } from "../../../test/support/tenant-fixtures.ts";
import type { Call, Deps } from "../../context.ts";
import type { Operation } from "../operation.ts";
import { listDeadLetters } from "./dead-letters.ts";
import { purgeDeadLetters } from "./purge.ts";

const clock = { now: () => 1_795_000_000_000 as UnixMs }; // safe because: a fixed moment
let home: string;
let queue: JobQueue;
let written: SystemEvent[];

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "bailiwick-pages-"));
  written = [];
  queue = await sqliteJobQueue({ path: join(home, "queue.sqlite"), clock, jurisdiction: "local" });
  for (const of of ["batch", "interactive"] as const)
    for (const pool of ["gpu", "cpu"]) for (const body of ["a", "b", "c"]) await bury(pool, of, body);
});
afterEach(async () => {
  await queue.close();
  rmSync(home, { recursive: true, force: true });
});

async function bury(pool: string, of: QueueClass, body: string): Promise<void> {
  const at = { pool, class: of };
  await queue.send({ queue: at, body, tenant: "acme", traceparent: "" });
  for (const job of await queue.receive(at, { max: 1, wait_ms: 0, visibility_ms: 1_000 }))
    await queue.bury(job, `${pool} ${of} ${body}`);
}
async function ask(operation: Operation, query: object): Promise<unknown> {
  const cellStore = { system: async (events: readonly SystemEvent[]) => void written.push(...events) };
  // safe because: the operations touch no other port
  const deps = { clock, jobQueue: queue, workers: null, cellStore } as unknown as Deps;
  const call = {
    ...{ actor: { cell_operator: true }, snapshot: { pools: { gpu: { name: "gpu" } } }, params: { pool: "gpu" } },
    ...{ query, by: attribution() },
  } as unknown as Call; // safe because: they read nothing else
  const reply = await operation.execute(deps, call);
  return reply.kind === "value" ? reply.value : null;
}
const page = async (query: object) => DeadLetterPage.parse(await ask(listDeadLetters, { limit: 2, ...query }));

describe("pages of dead letters", () => {
  it("show each letter of both queues once, interactive ones first, and no other pool's", async () => {
    const reasons: string[] = [];
    for (let cursor: string | undefined, pages = 0; pages < 9; pages++) {
      const { data, next_cursor, has_more } = await page(cursor === undefined ? {} : { cursor });
      reasons.push(...data.map(({ reason }) => reason));
      expect(has_more).toBe(next_cursor !== null);
      if (next_cursor === null) break;
      cursor = next_cursor;
    }
    const all = ["interactive", "batch"].flatMap((of) => ["a", "b", "c"].map((body) => `gpu ${of} ${body}`));
    expect(reasons).toEqual(all);
  });

  it("hold to one queue where it is asked for", async () => {
    const { data } = await page({ class: "batch", limit: 50 });
    expect(data.map(({ reason }) => reason)).toEqual(["gpu batch a", "gpu batch b", "gpu batch c"]);
  });

  it("go on behind a letter that is gone by then, so that none is passed over", async () => {
    const { data, next_cursor } = await page({});
    const last = data.at(-1)?.id.split(".")[1] ?? "";
    expect(await queue.purge({ pool: "gpu", class: "interactive" }, last)).toBe(true);
    const next = await page({ cursor: next_cursor });
    expect(next.data.map(({ reason }) => reason)).toEqual(["gpu interactive c", "gpu batch a"]);
  });

  it("begin behind no place of another list", async () => {
    await expect(page({ cursor: "bm9uc2Vuc2U" })).rejects.toMatchObject({ slug: "invalid-request" });
  });
});

describe("forgetting dead letters", () => {
  it("forgets those of one pool and queue, each named in the ledger", async () => {
    const purged = DeadLettersPurged.parse(await ask(purgeDeadLetters, { class: "batch" }));
    expect(purged).toMatchObject({ pool: "gpu", purged: 3, has_more: false });
    expect((await page({ limit: 50 })).data.map(({ reason }) => reason)).toEqual(
      ["a", "b", "c"].map((body) => `gpu interactive ${body}`),
    );
    expect(await queue.depth({ pool: "cpu", class: "batch" })).toMatchObject({ dead: 3 });
    expect(written).toHaveLength(1);
    expect(written[0]).toMatchObject({ kind: "dead_letter.purged", detail: { pool: "gpu", class: "batch" } });
    expect(written[0]?.detail.letters).toHaveLength(3);
  });

  it("forgets both queues unless one is named", async () => {
    expect(await ask(purgeDeadLetters, {})).toMatchObject({ purged: 6, has_more: false });
    expect((await page({ limit: 50 })).data).toEqual([]);
    expect(await ask(purgeDeadLetters, {})).toMatchObject({ purged: 0, has_more: false });
  });
});
