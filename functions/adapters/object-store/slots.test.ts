import { describe, expect, it } from "vitest";
import { slots } from "./slots.ts";

describe("slots", () => {
  it("run no more work at once than there are, and whoever waited first next", async () => {
    const inSlot = slots(2);
    const begun: number[] = [];
    const ends = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
    const all = ends.map(({ promise }, n) =>
      inSlot(async () => {
        begun.push(n);
        await promise;
        return n;
      }),
    );
    expect(begun).toEqual([0, 1]);
    ends[1]?.resolve();
    await all[1];
    await Promise.resolve();
    expect(begun).toEqual([0, 1, 2]);
    for (const { resolve } of ends) resolve();
    expect(await Promise.all(all)).toEqual([0, 1, 2, 3, 4]);
    expect(begun).toEqual([0, 1, 2, 3, 4]);
  });

  it("are free again after work that failed", async () => {
    const inSlot = slots(1);
    const failing = inSlot(() => Promise.reject(new Error("the disk is gone")));
    const next = inSlot(async () => "served");
    await expect(failing).rejects.toThrow("the disk is gone");
    expect(await next).toBe("served");
    expect(await inSlot(async () => "again")).toBe("again");
  });

  it("forget at once whoever gives up waiting, so that what piles up behind a hung disk is bounded by its deadlines", async () => {
    const inSlot = slots(1);
    const { promise: hung, resolve: letGo } = Promise.withResolvers<void>();
    const first = inSlot(() => hung);
    const given = new AbortController();
    let ran = false;
    const waiting = inSlot(async () => {
      ran = true;
    }, given.signal);
    const late = inSlot(async () => "in time", AbortSignal.abort(new Error("too late before it waited")));
    given.abort(new Error("too late"));
    await expect(late).rejects.toThrow("too late before it waited");
    await expect(waiting).rejects.toThrow("too late");
    letGo();
    await first;
    expect(await inSlot(async () => "next", new AbortController().signal)).toBe("next");
    expect(ran).toBe(false);
  });
});
