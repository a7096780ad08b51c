import { describe, expect, it } from "vitest";
import { GROWTH_MAX, growthOf } from "./growth.ts";
import { charsSearched, stepsOf } from "./search-work.ts";

const text = (size: number): string => "a".repeat(size);
/** All matches, as a detector looks for them that goes on one character behind what was none. */
function looks(pattern: RegExp, size: number): void {
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text(size)); match !== null; match = pattern.exec(text(size)))
    pattern.lastIndex = match.index + 1;
}

describe("growthOf", () => {
  it("tells linear searches, so that a detector is not refused for nothing", () => {
    expect(growthOf((size) => stepsOf(() => looks(/(?<!a)a+b/g, size)), 1_024)).toBeLessThan(GROWTH_MAX);
    expect(growthOf((size) => charsSearched(() => looks(/(?<!a)a+/g, size)), 1_024)).toBeLessThan(GROWTH_MAX);
  });

  it("tells a search that goes back again and again, so that no detector with one is taken", () => {
    expect(growthOf((size) => stepsOf(() => looks(/a+b/g, size)), 512)).toBeGreaterThan(1.9);
  });

  it("tells a search that begins again and again, so that no loop around a detector is taken that does", () => {
    expect(growthOf((size) => charsSearched(() => looks(/a+/g, size)), 512)).toBeGreaterThan(1.9);
  });
});
