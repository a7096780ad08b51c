import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LIMITS } from "../../shared/contracts/limits.ts";
import {
  type JobQueue,
  JobQueueUnavailable,
  type OutgoingJob,
  type QueueName,
  type ReceivedJob,
} from "../../shared/contracts/ports/job-queue.ts";

export interface JobQueueUnderTest {
  /** Opens another one over the same queues; pools named here exist. */
  open(pools: readonly string[]): Promise<JobQueue>;
  placement: JobQueue["placement"];
  /** Null, or why the server behind it cannot show that a delivery of the past is told from the one in force. */
  staleDeliveries: string | null;
  /** Null, or why jobs are removed one after the other here. */
  removals: string | null;
  /** Null, or why dead letters come in one page. */
  pages: string | null;
}

const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const MINUTE_MS = 60_000;
const POOLS_PER_SUITE = 24;
let pools = 0;

/** What every `JobQueue` promises. Visibility ends by the real clock, in whole seconds where the queue has only those. */
export function jobQueueContract(name: string, under: JobQueueUnderTest): void {
  describe(`JobQueue: ${name}`, () => {
    let queue: JobQueue;
    /** Tests and suites share a server, never a queue. */
    const named = Array.from({ length: POOLS_PER_SUITE }, () => `p${process.pid}-${Date.now() % 100_000}-${++pools}`);
    const free = [...named];
    const fresh = (of: QueueName["class"] = "interactive"): QueueName => ({ pool: free.pop() ?? "none", class: of });
    const job = (at: QueueName, body: string, tenant = "t1"): OutgoingJob => ({
      ...{ queue: at, body, tenant, traceparent: TRACEPARENT },
    });
    const receive = (at: QueueName, visibility_ms = MINUTE_MS, wait_ms = 10_000, max = 10) =>
      queue.receive(at, { max, wait_ms, visibility_ms });
    const one = async (at: QueueName, visibility_ms?: number): Promise<ReceivedJob> => {
      const [received, ...more] = await receive(at, visibility_ms);
      if (!received) throw new Error("nothing was received");
      expect(more).toEqual([]);
      return received;
    };
    /** A short wait: what is not there after it stays away. */
    const nothing = async (at: QueueName) => expect(await receive(at, MINUTE_MS, 1_000)).toEqual([]);

    beforeAll(async () => {
      queue = await under.open(named);
    });
    afterAll(() => queue.close());

    it("says where jobs rest, so that evidence claims nothing untrue", () => {
      expect(queue.placement).toEqual(under.placement);
    });

    it.each([
      ["text of every plane", '{"a":"ä€𝄞\\u0000","b":[1,2]}\t\r\n <&>"\''],
      ["as much as a message may have", "é".repeat(LIMITS.queueMessageBytesMax / 2)],
    ])("delivers what was sent, unchanged: %s", async (_what, body) => {
      const at = fresh();
      await queue.send(job(at, body));
      const received = await one(at);
      expect(received).toMatchObject({ queue: at, body, deliveries: 1, traceparent: TRACEPARENT });
      expect(Math.abs(received.sent_ms - Date.now())).toBeLessThan(MINUTE_MS);
    });

    it.each([
      ["no body", { body: "" }],
      ["a body above the bound", { body: "x".repeat(LIMITS.queueMessageBytesMax + 1) }],
      ["a character that XML has not", { body: "a\u0001b" }],
      ["half of a character", { body: "a\uD800b" }],
      ["no tenant", { tenant: "" }],
      ["a pool whose name would be another queue's", { queue: { pool: "a/batch", class: "batch" } as const }],
    ])("refuses a job with %s here and everywhere, so that no cell takes what another loses", async (_what, change) => {
      const at = { pool: named[0] ?? "", class: "batch" } as const;
      await expect(queue.send({ ...job(at, "x"), ...change })).rejects.toThrow(RangeError);
    });

    it("refuses times that a queue has not, so that a job is never hidden for other than asked", async () => {
      const at = { pool: named[0] ?? "", class: "batch" } as const;
      const asked = { max: 1, wait_ms: 0, visibility_ms: MINUTE_MS };
      for (const wrong of [{ max: 0 }, { wait_ms: -1 }, { visibility_ms: 0 }, { visibility_ms: 12 * 3_600_000 + 1 }])
        await expect(queue.receive(at, { ...asked, ...wrong })).rejects.toThrow(RangeError);
    });

    it("keeps pools and classes apart, so that batch work never runs as interactive", async () => {
      const [a, b] = [fresh(), fresh()];
      const batch = { ...a, class: "batch" } as const;
      await Promise.all([queue.send(job(a, "a")), queue.send(job(b, "b")), queue.send(job(batch, "c"))]);
      expect((await one(a)).body).toBe("a");
      expect((await one(b)).body).toBe("b");
      expect(await one(batch)).toMatchObject({ body: "c", queue: batch });
    });

    it("hides what it delivered and delivers it again later, so that a worker's death loses no job", async () => {
      const at = fresh();
      await queue.send(job(at, "x"));
      const first = await one(at, 2_000);
      expect(await receive(at, MINUTE_MS, 0)).toEqual([]);
      const second = await one(at);
      expect(second).toMatchObject({ id: first.id, body: "x", deliveries: 2 });
      expect(second.receipt).not.toBe(first.receipt);
    });

    it("hides a job for longer when asked, so that a long run is not begun twice", async () => {
      const at = fresh();
      await queue.send(job(at, "x"));
      const received = await one(at, 2_000);
      expect(await queue.extend(received, MINUTE_MS)).toBe(true);
      expect(await receive(at, MINUTE_MS, 3_000)).toEqual([]);
      await queue.remove(received);
    });

    it("takes a job back at once, so that a worker that leaves delays nobody", async () => {
      const at = fresh();
      await queue.send(job(at, "x"));
      expect(await queue.extend(await one(at), 0)).toBe(true);
      expect(await one(at)).toMatchObject({ body: "x", deliveries: 2 });
    });

    it("forgets a job that is done, however often it is told", async () => {
      const at = fresh();
      await queue.send(job(at, "x"));
      const received = await one(at, 2_000);
      await queue.remove(received);
      await queue.remove(received);
      expect(await queue.extend(received, MINUTE_MS)).toBe(false);
      expect(await receive(at, MINUTE_MS, 3_000)).toEqual([]);
      await queue.remove({ ...received, receipt: "of somebody else's making" });
    });

    it.skipIf(under.staleDeliveries !== null)(
      `tells a delivery that is over from the one in force, so that a late worker ends nobody's job (${under.staleDeliveries ?? "shown"})`,
      async () => {
        const at = fresh();
        await queue.send(job(at, "x"));
        const late = await one(at, 1_000);
        const current = await one(at);
        expect(await queue.extend(late, MINUTE_MS)).toBe(false);
        await queue.remove(late);
        await queue.bury(late, "late");
        expect(await queue.depth(at)).toMatchObject({ in_flight: 1, dead: 0 });
        expect(await queue.extend(current, 0)).toBe(true);
        expect((await one(at)).body).toBe("x");
      },
    );

    it("gives a job up with its reason, so that poison never blocks and nothing vanishes", async () => {
      const at = fresh();
      await queue.send(job(at, '{"poison":true}'));
      await queue.bury(await one(at, 2_000), "the engine refused it:\u0000 400");
      const [dead, ...more] = await queue.dead(at, { after: null, limit: 10 });
      expect(more).toEqual([]);
      expect(dead).toMatchObject({ queue: at, body: '{"poison":true}', reason: "the engine refused it:  400" });
      expect(dead?.deliveries).toBe(1);
      expect(Math.abs((dead?.sent_ms ?? 0) - Date.now())).toBeLessThan(MINUTE_MS);
      expect(Math.abs((dead?.dead_ms ?? 0) - Date.now())).toBeLessThan(MINUTE_MS);
      expect(await queue.depth(at)).toMatchObject({ ready: 0, in_flight: 0, dead: 1 });
      expect(await receive(at, MINUTE_MS, 3_000)).toEqual([]);
    });

    it("sends a dead job again under the same body, once", async () => {
      const at = fresh("batch");
      await queue.send(job(at, "x"));
      await queue.bury(await one(at), "r");
      const [dead] = await queue.dead(at, { after: null, limit: 1 });
      expect(await queue.redrive(at, "nobody's")).toBe(false);
      expect(await queue.redrive({ ...at, class: "interactive" }, dead?.id ?? "")).toBe(false);
      expect(await queue.redrive(at, dead?.id ?? "")).toBe(true);
      expect(await queue.redrive(at, dead?.id ?? "")).toBe(false);
      expect(await queue.dead(at, { after: null, limit: 1 })).toEqual([]);
      expect(await one(at)).toMatchObject({ body: "x", traceparent: TRACEPARENT });
      await nothing(at);
    });

    it("sends a dead job again under another body of the same turn, so that a ticket that ended is renewed", async () => {
      const at = fresh();
      await queue.send(job(at, "old"));
      await queue.bury(await one(at), "r");
      const [dead] = await queue.dead(at, { after: null, limit: 1 });
      await expect(queue.redrive(at, dead?.id ?? "", "\u0001")).rejects.toThrow(RangeError);
      expect(await queue.redrive(at, dead?.id ?? "", "new")).toBe(true);
      expect(await one(at)).toMatchObject({ body: "new", traceparent: TRACEPARENT });
      expect(await queue.dead(at, { after: null, limit: 1 })).toEqual([]);
    });

    it("shows one dead job by its id and leaves it where it is", async () => {
      const at = fresh();
      for (const body of ["a", "b"]) {
        await queue.send(job(at, body));
        await queue.bury(await one(at), `reason ${body}`);
      }
      const letters = await queue.dead(at, { after: null, limit: 10 });
      for (const letter of letters) expect(await queue.deadLetter(at, letter.id)).toEqual(letter);
      expect(await queue.deadLetter(at, "nobody's")).toBeNull();
      expect(await queue.deadLetter({ ...at, class: "batch" }, letters[0]?.id ?? "")).toBeNull();
      expect(await queue.depth(at)).toMatchObject({ dead: 2 });
    });

    it("forgets the one dead job that it is told to, and no other", async () => {
      const at = fresh();
      await Promise.all(["a", "b", "c"].map((body) => queue.send(job(at, body))));
      for (let left = 3; left > 0; ) {
        const received = await receive(at);
        for (const each of received) await queue.bury(each, each.body);
        left -= received.length;
      }
      const dead = await queue.dead(at, { after: null, limit: 10 });
      expect(dead.map(({ reason }) => reason).sort()).toEqual(["a", "b", "c"]);
      const target = dead.find(({ body }) => body === "b");
      expect(await queue.purge(at, target?.id ?? "")).toBe(true);
      expect(await queue.purge(at, target?.id ?? "")).toBe(false);
      const left = await queue.dead(at, { after: null, limit: 10 });
      expect(left.map(({ body }) => body).sort()).toEqual(["a", "c"]);
      expect(await queue.purgeAll(at, [...left.map(({ id }) => id), target?.id ?? "", "nobody's"])).toBe(2);
      expect(await queue.depth(at)).toMatchObject({ dead: 0 });
    });

    it.skipIf(under.pages !== null)(
      `pages through dead letters, oldest first (${under.pages ?? "shown"})`,
      async () => {
        const at = fresh();
        for (const body of ["a", "b", "c", "d", "e"]) {
          await queue.send(job(at, body));
          await queue.bury(await one(at), "r");
        }
        const first = await queue.dead(at, { after: null, limit: 2 });
        expect(first.map(({ body }) => body)).toEqual(["a", "b"]);
        const last = first.at(-1)?.id ?? "";
        // The letter that ended the page is gone; the next page begins behind it all the same.
        expect(await queue.purge(at, last)).toBe(true);
        const next = await queue.dead(at, { after: last, limit: 10 });
        expect(next.map(({ body }) => body)).toEqual(["c", "d", "e"]);
      },
    );

    it("counts what is ready and what is out, so that admission sees a queue grow", async () => {
      const at = fresh();
      expect(await queue.depth(at)).toMatchObject({ ready: 0, in_flight: 0, dead: 0 });
      await Promise.all(["a", "b", "c"].map((body) => queue.send(job(at, body))));
      expect(await queue.depth(at)).toMatchObject({ ready: 3, in_flight: 0 });
      expect(await receive(at, MINUTE_MS, 5_000, 1)).toHaveLength(1);
      expect(await queue.depth(at)).toMatchObject({ ready: 2, in_flight: 1 });
    });

    it("hands a job to somebody who waits already, and to one of them only", async () => {
      const at = fresh();
      const waiting = Promise.all([receive(at, MINUTE_MS, 3_000), receive(at, MINUTE_MS, 3_000)]);
      const sender = await under.open([]);
      await sender.send(job(at, "x"));
      const received = (await waiting).flat();
      expect(received.map(({ body }) => body)).toEqual(["x"]);
      await sender.close();
    });

    it("stops waiting when told to, so that a worker can leave", async () => {
      const at = fresh();
      const leave = new AbortController();
      const waiting = queue.receive(at, { max: 1, wait_ms: 20_000, visibility_ms: 1_000, signal: leave.signal });
      const stays = new AbortController();
      const other = queue.receive(at, { max: 1, wait_ms: 20_000, visibility_ms: 1_000, signal: stays.signal });
      leave.abort();
      expect(await Promise.race([waiting.then(() => "left"), other.then(() => "waited")])).toBe("left");
      expect(await waiting).toEqual([]);
      stays.abort();
      await other;
      expect(await queue.receive(at, { max: 1, wait_ms: 0, visibility_ms: 1_000, signal: leave.signal })).toEqual([]);
    });

    it("delivers every job to one of many receivers, none lost", async () => {
      const at = fresh("batch");
      const bodies = Array.from({ length: 100 }, (_, index) => `job ${index}`);
      await Promise.all(bodies.map((body, index) => queue.send(job(at, body, `t${index % 7}`))));
      const seen: string[] = [];
      let removed: Promise<void> = Promise.resolve();
      const remove = (each: ReceivedJob): Promise<void> => {
        if (under.removals === null) return queue.remove(each);
        removed = removed.then(() => queue.remove(each));
        return removed;
      };
      const work = async () => {
        for (let got = await receive(at); got.length > 0; got = await receive(at, MINUTE_MS, 1_000)) {
          seen.push(...got.map(({ body }) => body));
          await Promise.all(got.map(remove));
        }
      };
      await Promise.all([work(), work(), work()]);
      // A send that was tried again on its way may have happened twice.
      expect([...new Set(seen)].sort()).toEqual(bodies.sort());
      expect(await queue.depth(at)).toMatchObject({ ready: 0, in_flight: 0, dead: 0 });
    });

    it("fails as unavailable once it is closed, so that a sender keeps the job", async () => {
      const closed = await under.open([]);
      await closed.close();
      await closed.close();
      await expect(closed.send(job({ pool: named[0] ?? "", class: "batch" }, "x"))).rejects.toThrow(
        JobQueueUnavailable,
      );
    });
  });
}
