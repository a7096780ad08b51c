import { describe, expect, it } from "vitest";
import { GROWTH_MAX, growthOf } from "./growth.ts";

function spend(steps: number): void {
  let sum = 0;
  for (let step = 0; step < steps; step++) sum = (sum * 31 + step) % 65_521;
  expect(sum).toBeGreaterThanOrEqual(0);
}

describe("growthOf", () => {
  it("tells linear work", () => {
    expect(growthOf((size) => spend(1_000 * size), 1_024)).toBeLessThan(GROWTH_MAX);
  });

  it("tells quadratic work", () => {
    expect(growthOf((size) => spend(size * size), 1_024)).toBeGreaterThan(GROWTH_MAX);
  });
});
