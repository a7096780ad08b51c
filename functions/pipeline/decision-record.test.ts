import { describe, expect, it } from "vitest";
import type { Decided, PolicyInput } from "../../shared/contracts/decision.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { DecisionRecord } from "../../shared/contracts/policy/record.ts";
import { decisionId } from "../../test/support/policy-fixtures.ts";
import { policyInput } from "../../test/support/policy-input.ts";
import { decisionRecord } from "./decision-record.ts";

const where = { task: "task_1", atMs: 1_795_000_000_000, snapshot: `sha256:${"0".repeat(64)}` };
const cap = { id: "cap_output_tokens", params: { max: 256 } } as const;
const decided: Decided = {
  id: decisionId(1),
  decision: {
    decision: "ROUTE",
    reasons: ["role_and_scope"],
    obligations: [cap],
    route: { candidates: new Map([["local:small", [cap, { id: "redact_output", params: {} }]]]) },
    limits: { output_tokens_max: 256 },
    approvals: [],
  },
  layers: [
    { layer: "cell", version: 1, revision: 0, digest: "sha256:0", decision: "ROUTE", reasons: ["role_and_scope"] },
  ],
  policy_digest: "sha256:0",
  input_digest: "a".repeat(64),
  now_ns: "1795000000000000000",
};
const recordOf = (input: PolicyInput, over: Partial<Decided> = {}) => {
  const { id, record } = decisionRecord({ ...decided, ...over }, input, where);
  expect(record.length).toBeLessThanOrEqual(LIMITS.decisionRecordBytesMax);
  const parsed = DecisionRecord.parse(JSON.parse(record));
  expect(parsed.id).toBe(id);
  return parsed;
};
const candidate = (n: number) => ({
  id: `provider-${n}:model-with-a-rather-long-name-${n}`,
  alias: "small",
  provider: `provider-${n}`,
  model: `model-with-a-rather-long-name-${n}`,
  tier: 1,
  locality: "local" as const,
  jurisdiction: "local",
});

describe("the record of a decision", () => {
  it("reads back with everything that asking again takes", () => {
    const input = policyInput({ candidates: [candidate(1)] });
    expect(recordOf(input)).toEqual({
      schema_version: 1,
      id: decided.id,
      at_ms: where.atMs,
      task: "task_1",
      snapshot: where.snapshot,
      input,
      action: input.action,
      operation: input.operation,
      input_digest: decided.input_digest,
      now_ns: decided.now_ns,
      layers: decided.layers,
      outcome: {
        decision: "ROUTE",
        reasons: ["role_and_scope"],
        obligations: [cap],
        route: { "local:small": [cap, { id: "redact_output", params: {} }] },
        limits: { output_tokens_max: 256 },
        acr: null,
        approvals: [],
        throttle: null,
      },
    });
  });

  it("is the same text whether or not the input was written before, so that no record depends on a cache", () => {
    const input = policyInput({ candidates: [candidate(1)], markings: ['a "quoted" one', "\u2028"] });
    const record = (over: Partial<Decided>) => decisionRecord({ ...decided, ...over }, input, where).record;
    for (const decision of [decided.decision, Object.freeze({ ...decided.decision, route: undefined as never })])
      for (const task of ["task_1", null]) {
        const at = { ...where, task };
        const written = decisionRecord({ ...decided, decision, input_json: JSON.stringify(input) }, input, at).record;
        expect(written).toBe(decisionRecord({ ...decided, decision }, input, at).record);
      }
    expect(record({ input_json: JSON.stringify(input) })).toBe(record({}));
  });

  it("keeps the input of a call with as many candidates as there may be", () => {
    const input = policyInput({ candidates: Array.from({ length: LIMITS.candidatesMax }, (_, n) => candidate(n)) });
    expect(recordOf(input).input?.candidates).toHaveLength(LIMITS.candidatesMax);
  });

  it("leaves out what would not fit and keeps the answer, so that no call fails by its own record", () => {
    const input = policyInput({ markings: Array.from({ length: 2_000 }, (_, n) => `marking-${n}`) });
    expect(recordOf(input)).toMatchObject({ input: null, outcome: { decision: "ROUTE", obligations: [cap] } });
    const many = Array.from({ length: 400 }, (_, n) => [candidate(n).id, [cap]] as const);
    const route = { candidates: new Map(many) };
    expect(recordOf(input, { decision: { ...decided.decision, route } })).toMatchObject({
      input: null,
      outcome: { decision: "ROUTE", reasons: ["role_and_scope"], obligations: [], route: null },
    });
  });
});
