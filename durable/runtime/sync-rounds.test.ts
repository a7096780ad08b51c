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
});
