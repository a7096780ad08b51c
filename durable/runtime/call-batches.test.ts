import { describe, expect, it, onTestFinished, vi } from "vitest";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { batchesByName, CallBatches } from "./call-batches.ts";
import { ObjectOverloaded, ObjectUnavailable } from "./object-class.ts";

/** An object that answers when the test lets it; each call is listed with what it carried. */
function held() {
  const calls: { items: number[]; answer: () => void; fail: (cause: unknown) => void }[] = [];
  const send = (items: number[]) =>
    new Promise<string[]>((resolve, reject) => {
      calls.push({ items, answer: () => resolve(items.map((item) => `r${item}`)), fail: reject });
    });
  return { calls, batches: new CallBatches(send) };
}

/** Microtasks run until none is left. */
const settled = async () => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};

function withFakeTimers() {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
}

describe("calls to one object, joined", () => {
  it("asks an idle object at once, so that a lone caller never waits for company", async () => {
    const { calls, batches } = held();
    const answer = batches.call([1]);
    expect(calls.map(({ items }) => items)).toEqual([[1]]);
    calls[0]?.answer();
    expect(await answer).toEqual(["r1"]);
    expect(batches.idle).toBe(true);
  });

  it("joins what arrives meanwhile and hands each caller the answers to its own items, never to another's", async () => {
    const { calls, batches } = held();
    const busy = Array.from({ length: LIMITS.batchesSendingMax }, (_, n) => batches.call([n]));
    const joined = [batches.call([10]), batches.call([20, 21]), batches.call([30])];
    expect(calls).toHaveLength(LIMITS.batchesSendingMax);
    calls[0]?.answer();
    await settled();
    expect(calls.slice(LIMITS.batchesSendingMax).map(({ items }) => items)).toEqual([[10, 20, 21, 30]]);
    for (const call of calls) call.answer();
    expect(await Promise.all(joined)).toEqual([["r10"], ["r20", "r21"], ["r30"]]);
    expect(await Promise.all(busy)).toEqual(busy.map((_, n) => [`r${n}`]));
    expect(batches.idle).toBe(true);
  });

  it("never sends more items at once than an object takes", async () => {
    const { calls, batches } = held();
    const all = Array.from({ length: 3 * LIMITS.admitArrayMax }, (_, n) => batches.call([n]));
    for (let at = 0; at < calls.length; at++) {
      calls[at]?.answer();
      await settled();
    }
    expect(Math.max(...calls.map(({ items }) => items.length))).toBeLessThanOrEqual(LIMITS.admitArrayMax);
    expect((await Promise.all(all)).flat()).toEqual(all.map((_, n) => `r${n}`));
  });

  it("tells everybody whose items a failed call carried, and goes on with the next", async () => {
    const { calls, batches } = held();
    const busy = Array.from({ length: LIMITS.batchesSendingMax }, (_, n) => batches.call([n]).catch(() => "failed"));
    const joined = [batches.call([10]), batches.call([11])].map((call) => call.catch((cause: Error) => cause.message));
    calls[0]?.fail(new Error("first"));
    await settled();
    calls[LIMITS.batchesSendingMax]?.fail(new Error("gone"));
    expect(await Promise.all(joined)).toEqual(["gone", "gone"]);
    for (const call of calls) call.answer();
    expect((await Promise.all(busy))[0]).toBe("failed");
    const after = batches.call([99]);
    calls.at(-1)?.answer();
    expect(await after).toEqual(["r99"]);
  });

  it("refuses a caller when too many wait, so that a stuck object cannot fill the memory", async () => {
    withFakeTimers();
    const { batches } = held();
    for (let n = 0; n < LIMITS.batchesSendingMax + LIMITS.tenantQueueMax; n++) void batches.call([n]);
    await expect(batches.call([0])).rejects.toBeInstanceOf(ObjectOverloaded);
  });
});

describe("a sender that is cut off with its request", () => {
  it("holds up those behind it for a bounded time only: they send by themselves, and its place is free again", async () => {
    withFakeTimers();
    const { calls, batches } = held();
    for (let n = 0; n < LIMITS.batchesSendingMax; n++) void batches.call([n]);
    const waiting = batches.call([10]);
    await vi.advanceTimersByTimeAsync(LIMITS.batchStallMs);
    expect(calls.at(-1)?.items).toEqual([10]);
    calls.at(-1)?.answer();
    expect(await waiting).toEqual(["r10"]);
    const next = batches.call([11]);
    expect(calls.at(-1)?.items).toEqual([11]);
    calls.at(-1)?.answer();
    expect(await next).toEqual(["r11"]);
  });

  it("costs those whose items it carried an unknown outcome, never an endless wait", async () => {
    withFakeTimers();
    const { calls, batches } = held();
    const busy = Array.from({ length: LIMITS.batchesSendingMax }, (_, n) => batches.call([n]));
    const outcomes = [batches.call([10]), batches.call([11])].map((call) => call.catch((cause: unknown) => cause));
    calls[0]?.answer();
    await busy[0];
    await settled();
    expect(calls.at(-1)?.items).toEqual([10, 11]);
    await vi.advanceTimersByTimeAsync(LIMITS.batchStallMs + LIMITS.batchAnswerMsMax);
    expect(await outcomes[1]).toBeInstanceOf(ObjectUnavailable);
  });
});

it("keeps objects apart, and keeps nothing of one that nobody calls", async () => {
  const seen: [string, number[]][] = [];
  const call = batchesByName(async (name: string, items: number[]) => {
    seen.push([name, items]);
    return items;
  });
  expect(await Promise.all([call("a", [1]), call("b", [2])])).toEqual([[1], [2]]);
  expect(seen).toEqual([
    ["a", [1]],
    ["b", [2]],
  ]);
});
