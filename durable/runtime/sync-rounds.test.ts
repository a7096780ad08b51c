import { describe, expect, it } from "vitest";
import { SyncGate } from "./sync-gate.ts";
import { SyncRounds } from "./sync-rounds.ts";

/** A sync that is held until it is told its end, and knows whether it was begun. */
function heldSync() {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const sync = () => {
    held.begun++;
    return promise;
  };
  const held = { begun: 0, resolve, reject, sync };
  return held;
}

/** A bound that no round of a test reaches by itself. */
const HOUR_MS = 3_600_000;
const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === "Timeout").length;

/** Ends after everything that is due in this turn. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("rounds of syncs", () => {
  it("begins all that one turn asks for together, and answers together, so that many objects go on side by side", async () => {
    const rounds = new SyncRounds();
    const [first, second] = [heldSync(), heldSync()];
    const order: string[] = [];
    const all = [
      rounds.join(first.sync).then(() => order.push("first")),
      rounds.join(second.sync).then(() => order.push("second")),
    ];
    await turn();
    expect([first.begun, second.begun]).toEqual([1, 1]);
    first.resolve();
    await turn();
    expect(order).toEqual([]);
    second.resolve();
    await Promise.all(all);
    expect(order).toEqual(["first", "second"]);
  });

  it("begins what is asked for during a round once that round has ended, so that no sync is left out", async () => {
    const rounds = new SyncRounds();
    const [early, late] = [heldSync(), heldSync()];
    const one = rounds.join(early.sync);
    await turn();
    const other = rounds.join(late.sync);
    await turn();
    expect([early.begun, late.begun]).toEqual([1, 0]);
    early.resolve();
    await one;
    late.resolve();
    await other;
    expect(late.begun).toBe(1);
  });

  it("begins none beside a running one, however many began it, so that a busy disk is not asked for each of them alone", async () => {
    const rounds = new SyncRounds(HOUR_MS);
    const [first, second, late] = [heldSync(), heldSync(), heldSync()];
    const early = [rounds.join(first.sync), rounds.join(second.sync)];
    await turn();
    const other = rounds.join(late.sync);
    await turn();
    expect([first.begun, second.begun, late.begun]).toEqual([1, 1, 0]);
    for (const { resolve } of [first, second, late]) resolve();
    await Promise.all([...early, other]);
  });

  it("ends with its last sync and leaves no timer behind, so that answers wait for disks alone and an idle cell can end", async () => {
    const before = timers();
    const rounds = new SyncRounds(HOUR_MS);
    const [first, second] = [heldSync(), heldSync()];
    const both = Promise.all([rounds.join(first.sync), rounds.join(second.sync)]);
    await turn();
    expect(timers()).toBe(before + 1);
    first.resolve();
    second.resolve();
    await both;
    expect(timers()).toBe(before);
  });

  it("tells a failure to its own file alone, so that one broken file does not fail another's calls", async () => {
    const rounds = new SyncRounds();
    const [broken, whole] = [heldSync(), heldSync()];
    const outcomes = Promise.allSettled([rounds.join(broken.sync), rounds.join(whole.sync)]);
    broken.reject(new Error("EIO"));
    whole.resolve();
    expect((await outcomes).map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
  });

  it("lets a file whose disk stands still hold up nobody but itself", async () => {
    const rounds = new SyncRounds();
    const [stuck, quick, next] = [heldSync(), heldSync(), heldSync()];
    const order: string[] = [];
    const held = rounds.join(stuck.sync).then(() => order.push("stuck"));
    quick.resolve();
    next.resolve();
    await rounds.join(quick.sync);
    await rounds.join(next.sync);
    expect(order).toEqual([]);
    stuck.resolve();
    await held;
  });
});

describe("group commit of one file among others", () => {
  it("covers what is written while its round waits to begin, so that such writes cost no second sync", async () => {
    const rounds = new SyncRounds();
    const other = heldSync();
    let syncs = 0;
    const gate = new SyncGate(async () => void syncs++, rounds);
    const before = rounds.join(other.sync);
    await turn();
    gate.wrote();
    const first = gate.durable();
    gate.wrote();
    const second = gate.durable();
    other.resolve();
    await Promise.all([before, first, second]);
    expect(syncs).toBe(1);
    expect(gate.durable()).toBeNull();
  });

  it("does not take a write for durable that came after its sync had begun", async () => {
    const [first, second] = [heldSync(), heldSync()];
    const syncs = [first, second];
    const gate = new SyncGate(() => syncs.shift()?.sync() ?? Promise.reject(new Error("one sync too many")));
    gate.wrote();
    const early = gate.durable();
    await turn();
    gate.wrote();
    let answered = false;
    const late = gate.durable()?.then(() => {
      answered = true;
    });
    first.resolve();
    await early;
    await turn();
    expect([second.begun, answered]).toEqual([1, false]);
    second.resolve();
    await late;
    expect(gate.durable()).toBeNull();
  });

  it("keeps the third of three writes waiting for a sync of its own, so that none is answered by an older one's end", async () => {
    const [first, second, third] = [heldSync(), heldSync(), heldSync()];
    const syncs = [first, second, third];
    const gate = new SyncGate(() => syncs.shift()?.sync() ?? Promise.reject(new Error("one sync too many")));
    const answered: number[] = [];
    const write = (n: number) => {
      gate.wrote();
      return gate.durable()?.then(() => answered.push(n));
    };
    const one = write(1);
    await turn();
    const two = write(2);
    first.resolve();
    await one;
    await turn();
    const three = write(3);
    await turn();
    expect([second.begun, third.begun, answered]).toEqual([1, 0, [1]]);
    second.resolve();
    await two;
    await turn();
    expect([third.begun, answered]).toEqual([1, [1, 2]]);
    third.resolve();
    await three;
    expect(answered).toEqual([1, 2, 3]);
  });

  it("fails for good with its first failed sync, because the system may have dropped what was not on disk", async () => {
    const cause = new Error("EIO");
    let broken = true;
    const gate = new SyncGate(async () => {
      if (broken) throw cause;
    });
    gate.wrote();
    await expect(gate.durable()).rejects.toBe(cause);
    broken = false;
    await expect(gate.durable()).rejects.toBe(cause);
    gate.wrote();
    await expect(gate.durable()).rejects.toBe(cause);
  });

  it("gives a failure to all who wait, for the sync that runs and for the next", async () => {
    const cause = new Error("EIO");
    const held = heldSync();
    const gate = new SyncGate(held.sync);
    gate.wrote();
    const running = gate.durable();
    await turn();
    gate.wrote();
    const next = gate.durable();
    const outcomes = Promise.allSettled([running, next]);
    held.reject(cause);
    expect(await outcomes).toEqual([
      { status: "rejected", reason: cause },
      { status: "rejected", reason: cause },
    ]);
    expect(held.begun).toBe(1);
  });
});
