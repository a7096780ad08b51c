import { expect, it } from "vitest";
import { queueKey, sqsNames } from "./names.ts";

const owner = { prefix: "bw", cell: "eu1" };

it("names queues by deployment, cell, pool and class, within what SQS allows", () => {
  expect(sqsNames(owner, { pool: "llama-70b", class: "batch" })).toEqual({
    live: "bw-eu1-llama-70b-batch",
    dead: "bw-eu1-llama-70b-batch-dead",
  });
  const longest = sqsNames(
    { prefix: "p".repeat(16), cell: "c".repeat(16) },
    { pool: "x".repeat(24), class: "interactive" },
  );
  expect(longest.dead.length).toBeLessThanOrEqual(80);
});

it.each(["", "A", "a_b", "-a", "a-", "a/b", "a b", "x".repeat(25)])(
  "refuses the pool %j, so that no two queues share a name",
  (pool) => {
    expect(() => queueKey({ pool, class: "batch" })).toThrow(RangeError);
    expect(() => sqsNames(owner, { pool, class: "batch" })).toThrow(RangeError);
  },
);

it("refuses prefixes and cells that could be another deployment's", () => {
  for (const wrong of [{ prefix: "bw-eu1" }, { prefix: "" }, { cell: "eu-1" }, { cell: "" }])
    expect(() => sqsNames({ ...owner, ...wrong }, { pool: "a", class: "batch" })).toThrow(RangeError);
});
