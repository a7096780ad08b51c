import fc from "fast-check";
import { expect, it } from "vitest";
import { POLICY_DEFAULTS } from "../../shared/contracts/config/defaults.ts";
import type { NanoUsd } from "../../shared/contracts/ids.ts";
import { costOf } from "../../shared/contracts/usage.ts";
import { type QuoteInput, quote, taskBudget } from "./quote.ts";
import { candidate } from "./routing.fixture.ts";

const nano = (amount: number) => amount as NanoUsd; // safe because: small test amounts
const dear = candidate("cloud:dear", { prices: { tokens_in: 2_000, tokens_cached: 500, tokens_out: 8_000 } });
const cheap = candidate("cloud:cheap", { prices: { tokens_in: 150, tokens_out: 600 } });
const free = candidate("own:free");
const input = (members: Partial<QuoteInput> = {}): QuoteInput => ({
  candidates: [dear, cheap],
  surface: "openai.chat",
  inputTokens: () => 1_000,
  units: [],
  outputCap: 500,
  choices: 1,
  policyCap: null,
  attempts: 3,
  budget: taskBudget(POLICY_DEFAULTS, null, null),
  ...members,
});
const quoted = (members: Partial<QuoteInput> = {}) => {
  const result = quote(input(members));
  if (!result.ok) throw new Error(result.error.reason);
  return result.value;
};

it("holds the dearest candidate times the attempts", () => {
  expect(quoted()).toMatchObject({
    hold_nusd: 3 * (1_000 * 2_000 + 500 * 8_000 + 1),
    tokens: 1_500,
    attempts: 3,
    excluded: [],
  });
});

it.each<[string, Partial<QuoteInput>, { output_cap: number; capped_by: string }]>([
  ["the caller's cap", {}, { output_cap: 500, capped_by: "caller" }],
  ["the model's reserve when the caller names none", { outputCap: null }, { output_cap: 1_000, capped_by: "reserve" }],
  ["what the model can", { outputCap: 9_000 }, { output_cap: 8_000, capped_by: "model" }],
  ["policy's cap", { policyCap: 100 }, { output_cap: 100, capped_by: "policy" }],
  ["nothing on embeddings", { surface: "openai.embeddings" }, { output_cap: 0, capped_by: "model" }],
])("bounds the output by %s", (_what, members, expected) => {
  expect(quoted({ candidates: [free], ...members }).candidates.get("own:free")).toMatchObject(expected);
});

it("shortens a dear candidate's output to what one try may cost, and leaves the cheap one its own cap", () => {
  const { candidates, hold_nusd, attempts } = quoted({ outputCap: 4_000 });
  expect(candidates.get("cloud:dear")).toMatchObject({
    output_cap: 2_249,
    capped_by: "budget",
    attempt_nusd: 19_992_001,
  });
  expect(candidates.get("cloud:cheap")).toMatchObject({ output_cap: 4_000, capped_by: "caller" });
  expect(hold_nusd).toBe(attempts * 19_992_001);
});

it("stays inside the budget where a fractional price rounds up, so a hold never passes what a try may cost", () => {
  // 571,400 × 0.035 is 19,999.000000000004 in doubles.
  const odd = candidate("cloud:odd", { prices: { tokens_out: 0.035 }, output_tokens_max: 1_000_000 });
  const budget = { attempt_nusd: nano(20_000), total_nusd: nano(20_000) };
  const { candidates } = quoted({ candidates: [odd], outputCap: 1_000_000, attempts: 1, budget });
  expect(candidates.get("cloud:odd")).toMatchObject({ output_cap: 571_399, attempt_nusd: 20_000 });
});

it("counts images by each model's own table and every choice's output", () => {
  const vision = candidate("cloud:v", { image_tokens: 700, prices: { tokens_in: 10, tokens_out: 100 } });
  const { tokens, hold_nusd } = quoted({
    candidates: [vision],
    inputTokens: (image) => 100 + 2 * image,
    choices: 3,
    outputCap: 50,
    attempts: 1,
  });
  expect([tokens, hold_nusd]).toEqual([1_500 + 150, 15_000 + 15_000 + 1]);
});

it("leaves out what the budget cannot pay, and refuses with the amount when nothing fits", () => {
  const budget = taskBudget(POLICY_DEFAULTS, nano(300_000), null);
  expect(quoted({ budget, outputCap: null }).excluded).toEqual([
    { candidate: "cloud:dear", outcome: "rejected", reason: "task_budget_too_small" },
  ]);
  expect(quote(input({ budget: taskBudget(POLICY_DEFAULTS, nano(100), null) }))).toEqual({
    ok: false,
    error: { reason: "task_budget_too_small", needed_nusd: 150_000 + 1 + 16 * 600, budget_nusd: 100 },
  });
});

it("lets free candidates run under any budget", () => {
  expect(quoted({ candidates: [free], budget: { attempt_nusd: nano(0), total_nusd: nano(0) } })).toMatchObject({
    hold_nusd: 0,
    attempts: 3,
  });
});

it("gives each try the default and all tries the hard cap; a statement or a policy limit bounds both", () => {
  expect(taskBudget(POLICY_DEFAULTS, null, null)).toEqual({ attempt_nusd: 20_000_000, total_nusd: 200_000_000 });
  expect(taskBudget(POLICY_DEFAULTS, nano(50_000_000), null)).toEqual({
    attempt_nusd: 50_000_000,
    total_nusd: 50_000_000,
  });
  expect(taskBudget(POLICY_DEFAULTS, nano(900_000_000), null)).toEqual({
    attempt_nusd: 200_000_000,
    total_nusd: 200_000_000,
  });
  expect(taskBudget(POLICY_DEFAULTS, null, 5_000_000)).toEqual({ attempt_nusd: 5_000_000, total_nusd: 5_000_000 });
});

it("never holds more than the budget nor less than any bill inside the caps, so a hard cap cannot be overspent", () => {
  const price = fc.oneof(
    fc.constant(0),
    fc.integer({ min: 1, max: 100_000 }),
    fc.integer({ min: 1, max: 100_000 }).map((n) => n / 16),
    fc.double({ min: 0.001, max: 5_000, noNaN: true }),
  );
  const scene = fc.record({
    prices: fc.array(fc.record({ tokens_in: price, tokens_cached: price, tokens_out: price }), {
      minLength: 1,
      maxLength: 4,
    }),
    text: fc.integer({ min: 0, max: 50_000 }),
    outputCap: fc.option(fc.integer({ min: 1, max: 20_000 })),
    choices: fc.integer({ min: 1, max: 4 }),
    attempts: fc.integer({ min: 1, max: 4 }),
    stated: fc.option(fc.integer({ min: 0, max: 300_000_000 })),
    cached: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(scene, ({ prices, text, outputCap, choices, attempts, stated, cached }) => {
      const rows = prices.map((row, at) => candidate(`p:m${at}`, { prices: row }));
      const budget = taskBudget(POLICY_DEFAULTS, stated === null ? null : nano(stated), null);
      const result = quote(input({ candidates: rows, inputTokens: () => text, outputCap, choices, attempts, budget }));
      if (!result.ok) {
        expect(result.error.needed_nusd).toBeGreaterThan(budget.attempt_nusd);
        return;
      }
      const { value } = result;
      expect(value.hold_nusd).toBeLessThanOrEqual(budget.total_nusd);
      expect(new Set([...value.candidates.keys(), ...value.excluded.map((row) => row.candidate)]).size).toBe(
        rows.length,
      );
      for (const row of rows) {
        const one = value.candidates.get(row.id);
        if (!one) continue;
        expect(one.attempt_nusd).toBeLessThanOrEqual(budget.attempt_nusd);
        const fromCache = Math.floor(text * cached);
        const bill = costOf(
          [
            { meter: "tokens_in", quantity: text - fromCache },
            { meter: "tokens_cached", quantity: fromCache },
            { meter: "tokens_out", quantity: one.output_cap * choices },
          ],
          row.prices,
        );
        expect(bill * value.attempts).toBeLessThanOrEqual(value.hold_nusd);
      }
    }),
    { numRuns: 2_000 },
  );
});

it("holds what tensors cost by call and element, which is what they are charged", () => {
  const units = [
    { meter: "steps" as const, quantity: 1 },
    { meter: "points" as const, quantity: 1_000 },
  ];
  const tensors = candidate("own:tensors", { prices: { steps: 50_000, points: 2.5 } });
  const held = quoted({ candidates: [tensors], surface: "oip.infer", inputTokens: () => 0, units });
  expect(held).toMatchObject({ tokens: 0, hold_nusd: 3 * (costOf(units, tensors.prices) + 1), attempts: 3 });
  expect(held.hold_nusd).toBe(3 * 52_501);
  const priced = { candidates: [candidate("own:dear", { prices: { steps: 900_000_000 } })], units };
  expect(quote(input({ ...priced, surface: "oip.infer" }))).toMatchObject({
    ok: false,
    error: { reason: "task_budget_too_small" },
  });
});
