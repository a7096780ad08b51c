import { expect, it } from "vitest";
import { type Mutant, outcomeOf } from "./outcome.ts";

const mutant = (status: string, line = 1): Mutant => ({
  fileName: "test/mutation/areas.ts",
  mutatorName: "BlockStatement",
  replacement: "{}",
  status,
  location: { start: { line, column: 1 }, end: { line, column: 4 } },
});

it("counts a change that no test runs as unnoticed, and one that was not tried not at all, so that a score is never flattered", () => {
  const statuses = ["Killed", "Killed", "Timeout", "Survived", "NoCoverage", "Ignored", "CompileError"];
  const { score, counts } = outcomeOf(
    "x",
    statuses.map((status) => mutant(status)),
    "2026-11-21T00:00:00Z",
    1,
  );
  expect(score).toBe(60);
  expect(counts).toMatchObject({ Killed: 2, Ignored: 1 });
});

it("names each survivor by its place and its words, so that it can be judged without another run", () => {
  const { survivors } = outcomeOf("x", [mutant("Killed", 2), mutant("Survived", 1)], "2026-11-21T00:00:00Z", 1);
  expect(survivors).toEqual([
    {
      at: "test/mutation/areas.ts:1",
      status: "Survived",
      mutator: "BlockStatement",
      original: "/**",
      replacement: "{}",
    },
  ]);
});

it("refuses a run in which nothing was tried, so that an empty result is no perfect one", () => {
  expect(() => outcomeOf("x", [mutant("Ignored")], "2026-11-21T00:00:00Z", 1)).toThrow("not one change was tried");
});
