import { expect, it } from "vitest";
import type { PolicyLayerName } from "../../../shared/contracts/decision.ts";
import { DecisionRecord } from "../../../shared/contracts/policy/record.ts";
import type { ExplainedLayer } from "../../../shared/contracts/ports/policy-tools.ts";
import { decisionId } from "../../../test/support/policy-fixtures.ts";
import { policyInput } from "../../../test/support/policy-input.ts";
import { decisionObject } from "./view.ts";

const answered = (layer: PolicyLayerName) => ({
  ...{ layer, version: 1, revision: 1, digest: "sha256:1" },
  ...{ decision: "DENY", reasons: ["policy_builtin_error"] },
});
const record = DecisionRecord.parse({
  schema_version: 1,
  id: decisionId(1),
  at_ms: 1_795_000_000_123,
  task: null,
  snapshot: "sha256:0",
  input: policyInput({}),
  action: "inference:invoke",
  operation: "chat.completions.create",
  input_digest: "0".repeat(64),
  now_ns: "1795000000123456789",
  layers: [answered("cell"), answered("tenant")],
  outcome: {
    ...{ decision: "DENY", reasons: ["policy_builtin_error"], obligations: [], approvals: [] },
    ...{ route: null, limits: null, acr: null, throttle: null },
  },
});
const explained = (layer: PolicyLayerName): ExplainedLayer => ({
  ...{ layer, explained: "evaluated", reproduced: true, rules: ["data.bailiwick.decision"], rules_truncated: false },
  failure: { code: "policy_builtin_error", detail: `to_number: invalid "secret of the ${layer}"` },
});
const kept = { id: record.id, record: JSON.stringify(record), obligations: null, further: [] };
const failuresFor = (cell_operator: boolean) =>
  decisionObject({ cell_operator }, kept, record, {
    facts: "same",
    layers: [explained("cell"), explained("tenant")],
  }).policies.map(({ failure }) => failure);

it("an explanation tells a tenant what its own policy failed on, and of the cell's only the code", () => {
  const [cell, tenant] = failuresFor(false);
  expect(cell?.code).toBe("policy_builtin_error");
  expect(cell?.detail).not.toContain("secret");
  expect(tenant?.detail).toContain("secret of the tenant");
});

it("an explanation tells operators of the cell what either policy failed on", () => {
  expect(failuresFor(true).map((failure) => failure?.detail)).toEqual([
    expect.stringContaining("secret of the cell"),
    expect.stringContaining("secret of the tenant"),
  ]);
});
