import { describe, expect, it } from "vitest";
import { Recent } from "./recent.ts";

const filled = (max: number, entries: number): Recent<number, string> => {
  const recent = new Recent<number, string>(max);
  for (let key = 0; key < entries; key++) recent.set(key, `${key}`);
  return recent;
};
const held = (recent: Recent<number, string>): string[] => [...recent.values()];

describe("what was used last", () => {
  it("is kept up to the bound, and the entry that was written longest ago goes first", () => {
    expect(held(filled(4, 4))).toEqual(["0", "1", "2", "3"]);
    const recent = filled(4, 6);
    expect([held(recent), recent.get(0), recent.get(5)]).toEqual([["2", "3", "4", "5"], undefined, "5"]);
  });

  it("stays because it was used, once the map is more than half full", () => {
    const recent = filled(4, 3);
    expect(recent.get(0)).toBe("0");
    for (const key of [3, 4]) recent.set(key, `${key}`);
    expect(held(recent)).toEqual(["2", "0", "3", "4"]);
    const half = filled(4, 2);
    half.get(0);
    expect(held(half)).toEqual(["0", "1"]);
  });

  it("is replaced under its key without another one going for it", () => {
    const recent = filled(3, 3);
    recent.set(1, "new");
    expect(held(recent)).toEqual(["0", "2", "new"]);
    expect(recent.get(9)).toBeUndefined();
    expect(held(recent)).toHaveLength(3);
  });
});
