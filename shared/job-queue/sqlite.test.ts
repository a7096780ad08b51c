import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { afterAll, describe, expect, it, vi } from "vitest";
import type { UnixMs } from "../contracts/ids.ts";
import { LIMITS } from "../contracts/limits.ts";
import { JobQueueUnavailable, type QueueName } from "../contracts/ports/job-queue.ts";
import { sqliteJobQueue } from "./sqlite.ts";

const home = mkdtempSync(join(tmpdir(), "bailiwick-queue-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));
let files = 0;

const AT: QueueName = { pool: "p", class: "batch" };
const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const TENANTS = ["a", "b", "c", "d", "e"] as const;
const HOUR_MS = 3_600_000;
const job = (tenant: string, body = tenant, queue = AT) => ({ queue, body, tenant, traceparent: TRACEPARENT });

/** What was called has gone as far as it can without a timer or another process. */
const looked = () => new Promise((turn) => setImmediate(turn));

/** A queue in a file of its own, whose time stands still unless it is moved. */
async function setup(path = join(home, `${++files}.sqlite`)) {
  let nowMs = 1_800_000_000_000;
  const clock = { now: () => nowMs as UnixMs }; // safe because: milliseconds
  const queue = await sqliteJobQueue({ path, clock, jurisdiction: "local" });
  const take = (max = 1, visibility_ms = HOUR_MS) => queue.receive(AT, { max, wait_ms: 0, visibility_ms });
  return { queue, take, path, later: (ms: number) => (nowMs += ms) };
}

describe("turns", () => {
  it("serves a tenant with one job among the next two, however many another one has waiting", async () => {
    const { queue, take } = await setup();
    await Promise.all(Array.from({ length: 5_000 }, (_, index) => queue.send(job("a", `a${index}`))));
    expect((await take()).map(({ body }) => body)).toEqual(["a0"]);
    await queue.send(job("b"));
    expect((await take(2)).map(({ body }) => body)).toContain("b");
    await queue.close();
  });

  it("serves each waiting tenant's next job within as many deliveries as tenants wait, whatever happens between", async () => {
    const tenant = fc.constantFrom(...TENANTS);
    const step = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ do: fc.constant("send" as const), tenant, count: fc.integer({ min: 1, max: 5 }) }),
      },
      { weight: 4, arbitrary: fc.record({ do: fc.constant("take" as const), count: fc.integer({ min: 1, max: 3 }) }) },
      {
        weight: 1,
        arbitrary: fc.record({ do: fc.constantFrom("giveBack" as const, "remove" as const, "lapse" as const) }),
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { queue, take, later } = await setup();
        /** How many others were served since a tenant began to wait, or was served last. */
        const passed = new Map<string, number>();
        const ready = new Map<string, number>();
        let out: Awaited<ReturnType<typeof take>> = [];
        const add = (who: string, count: number) => {
          const before = ready.get(who) ?? 0;
          ready.set(who, before + count);
          if (before === 0 && count > 0) passed.set(who, 0);
        };
        const waiting = () => [...ready].filter(([, count]) => count > 0).map(([who]) => who);
        for (const each of steps) {
          if (each.do === "send") {
            for (let n = 0; n < each.count; n++) await queue.send(job(each.tenant));
            add(each.tenant, each.count);
          } else if (each.do === "take") {
            const expected = Math.min(
              each.count,
              [...ready.values()].reduce((sum, count) => sum + count, 0),
            );
            const got = await take(each.count);
            expect(got).toHaveLength(expected);
            for (const { body: who } of got) {
              for (const other of waiting()) if (other !== who) passed.set(other, (passed.get(other) ?? 0) + 1);
              ready.set(who, (ready.get(who) ?? 0) - 1);
              expect(passed.get(who) ?? 0).toBeLessThan(TENANTS.length);
              passed.set(who, 0);
            }
            out.push(...got);
          } else if (each.do === "giveBack") {
            for (const held of out) expect(await queue.extend(held, 0)).toBe(true);
            for (const held of out) add(held.body, 1);
            out = [];
          } else if (each.do === "lapse") {
            later(HOUR_MS);
            for (const held of out) add(held.body, 1);
            // Seen by the next receive, which lines them up.
            out = [];
          } else {
            for (const held of out) await queue.remove(held);
            out = [];
          }
          const { ready: count, in_flight: held } = await queue.depth(AT);
          expect([count, held]).toEqual([[...ready.values()].reduce((sum, n) => sum + n, 0), out.length]);
        }
        await queue.close();
      }),
      { numRuns: 25 },
    );
  }, 60_000);

  it("looks up what it sends, delivers and counts in indexes, so that a long backlog slows nobody down", async () => {
    const prepared = vi.spyOn(DatabaseSync.prototype, "prepare");
    const { queue, take, path } = await setup();
    await queue.send(job("a"));
    const [held] = await take();
    if (!held) throw new Error("nothing was received");
    await queue.extend(held, HOUR_MS);
    await queue.bury(held, "r");
    const [dead] = await queue.dead(AT, { after: null, limit: 1 });
    expect(await queue.redrive(AT, dead?.id ?? "")).toBe(true);
    await queue.depth(AT);
    await Promise.all((await take()).map((each) => queue.remove(each)));
    await queue.close();
    const texts = prepared.mock.calls.map(([text]) => text).filter((text) => !text.startsWith("PRAGMA"));
    prepared.mockRestore();
    expect(texts.length).toBeGreaterThan(15);
    const db = new DatabaseSync(path);
    const steps = texts.flatMap((text) =>
      db
        .prepare(`EXPLAIN QUERY PLAN ${text}`)
        .all()
        .map(({ detail }) => `${detail} in ${text}`),
    );
    db.close();
    // SQLite says SCAN for what reads a table from its start, and for rows that are not in a table at all.
    expect(steps.filter((step) => /SCAN (?:job|turn|dead)|USE TEMP B-TREE/.test(step))).toEqual([]);
  });
});

describe("time", () => {
  it("buries what nobody did in four days, and keeps dead letters for fourteen", async () => {
    const { queue, take, later } = await setup();
    await Promise.all([queue.send(job("a", "old")), queue.send(job("b", "running"))]);
    const [, running] = await take(2, LIMITS.queueVisibilityMsMax);
    later(LIMITS.queueVisibilityMsMax - 1);
    if (!running) throw new Error("nothing was received");
    for (let spent = 0; spent < LIMITS.queueRetentionMs; spent += LIMITS.queueVisibilityMsMax - 1) {
      expect(await queue.extend(running, LIMITS.queueVisibilityMsMax)).toBe(true);
      later(LIMITS.queueVisibilityMsMax - 1);
    }
    expect(await take()).toEqual([]);
    const page = { after: null, limit: 10 };
    expect(await queue.dead(AT, page)).toMatchObject([{ body: "old", reason: "retention ended" }]);
    expect(await queue.depth(AT)).toMatchObject({ ready: 0, in_flight: 1, dead: 1 });
    later(LIMITS.queueDeadMs);
    expect(await queue.dead(AT, page)).toEqual([]);
    expect(await queue.depth(AT)).toMatchObject({ dead: 0 });
    await queue.close();
  });

  it("tells the age of the oldest job that waits, also of one that came back", async () => {
    const { queue, take, later } = await setup();
    expect((await queue.depth(AT)).oldest_ms).toBeNull();
    await queue.send(job("a"));
    later(5_000);
    expect((await queue.depth(AT)).oldest_ms).toBe(5_000);
    await take(1, 10_000);
    expect((await queue.depth(AT)).oldest_ms).toBeNull();
    later(10_000);
    expect(await queue.depth(AT)).toMatchObject({ ready: 1, in_flight: 0, oldest_ms: 15_000 });
    await queue.close();
  });
});

describe("two processes", () => {
  it("wakes a receiver at a send through another connection, not at the end of its wait", async () => {
    const here = await setup();
    const there = await setup(here.path);
    for (let round = 0; round < 10; round++) {
      const waiting = here.queue.receive(AT, { max: 1, wait_ms: HOUR_MS, visibility_ms: HOUR_MS });
      await looked();
      await there.queue.send(job("a"));
      expect(await waiting).toHaveLength(1);
    }
    await Promise.all([here.queue.close(), there.queue.close()]);
  });

  it("waits for another process's transaction without stopping its own, then goes on", async () => {
    const { queue, take, path } = await setup();
    const other = new DatabaseSync(path);
    other.exec("BEGIN IMMEDIATE");
    const sent = queue.send(job("a"));
    // The event loop turns while the send waits: a blocked one would never reach this line before its time is up.
    await looked();
    other.exec("ROLLBACK");
    await sent;
    expect(await take()).toHaveLength(1);
    other.close();
    await queue.close();
  });

  it("rejects as unavailable while another process never lets go, so that the sender keeps the job", async () => {
    const { queue, path } = await setup();
    const other = new DatabaseSync(path);
    other.exec("BEGIN IMMEDIATE");
    await expect(queue.send(job("a"))).rejects.toThrow(JobQueueUnavailable);
    other.exec("ROLLBACK");
    other.close();
    expect(await queue.depth(AT)).toMatchObject({ ready: 0 });
    await queue.close();
  });

  it("leaves alone a file that a later release has changed", async () => {
    const path = join(home, "later.sqlite");
    const db = new DatabaseSync(path);
    db.exec("PRAGMA user_version = 3");
    db.close();
    await expect(setup(path)).rejects.toThrow(JobQueueUnavailable);
  });

  it("keeps the jobs and letters of a file that an earlier release made", async () => {
    const path = join(home, "earlier.sqlite");
    const before = await setup(path);
    await before.queue.send(job("kept"));
    await before.queue.send(job("dead"));
    const [kept, dead] = await before.take(2);
    if (!kept || !dead) throw new Error("nothing came");
    await before.queue.bury(dead, "poison");
    await before.queue.extend(kept, 0);
    await before.queue.close();
    const db = new DatabaseSync(path);
    db.exec("ALTER TABLE dead DROP COLUMN sent_ms; ALTER TABLE dead DROP COLUMN deliveries; PRAGMA user_version = 1");
    db.close();
    const { queue, take } = await setup(path);
    expect(await queue.dead(AT, { after: null, limit: 9 })).toMatchObject([
      { body: "dead", reason: "poison", sent_ms: null, deliveries: null },
    ]);
    const [again] = await take();
    if (!again) throw new Error("nothing came");
    await queue.bury(again, "later");
    const [, letter] = await queue.dead(AT, { after: null, limit: 9 });
    expect(letter).toMatchObject({ body: "kept", sent_ms: again.sent_ms, deliveries: 2 });
    await queue.close();
  });

  it("keeps every job of two openers that come at the same moment", async () => {
    const path = join(home, "together.sqlite");
    const [a, b] = await Promise.all([setup(path), setup(path)]);
    await Promise.all([a.queue.send(job("a")), b.queue.send(job("b"))]);
    expect((await a.take(10)).map(({ body }) => body).sort()).toEqual(["a", "b"]);
    await Promise.all([a.queue.close(), b.queue.close()]);
  });
});
