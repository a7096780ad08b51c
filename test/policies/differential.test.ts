import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findOpa } from "../../infra/local/policies.mjs";
import { brokenQuestions, type Question, questions } from "./generated.ts";
import { askEngine, askOpa, SHIPPED } from "./opa.ts";

const SEED = 20_261;
const COUNT = 1_500;
const sample = (arbitrary: fc.Arbitrary<Question>) => fc.sample(arbitrary, { numRuns: COUNT, seed: SEED });
const opa = findOpa();
const missing = "missing" in opa ? ` (skipped: ${opa.missing})` : "";

const decisions = (answers: readonly unknown[]) =>
  new Set(
    answers.map((answer) => (typeof answer === "object" && answer && "decision" in answer ? answer.decision : "")),
  );

describe.each(SHIPPED)("$name", (policy) => {
  it("answers every question that a cell can ask, without a failing builtin", () => {
    const answers = askEngine(policy, sample(questions), true);
    expect(answers.filter((answer) => answer === undefined || JSON.stringify(answer).includes("failure"))).toEqual([]);
    expect(decisions(answers).size).toBeGreaterThanOrEqual(policy.verbs);
  });

  it.skipIf("missing" in opa)(`is answered by our engine exactly as by opa${missing}`, () => {
    if ("missing" in opa) return;
    const asked = sample(questions);
    expect(askEngine(policy, asked, false)).toEqual(askOpa(opa.file, policy, asked));
  });

  it.skipIf("missing" in opa)(`is answered exactly as by opa when input or facts are broken${missing}`, () => {
    if ("missing" in opa) return;
    const asked = sample(brokenQuestions);
    const answers = askEngine(policy, asked, false).map((answer) => answer ?? null);
    expect(answers).toEqual(askOpa(opa.file, policy, asked));
  });
});
