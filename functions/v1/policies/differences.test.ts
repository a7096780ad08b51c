import { describe, expect, it } from "vitest";
import { SIMULATED_CHANGES } from "../../../shared/contracts/http/policies.ts";
import type { RecordedOutcome } from "../../../shared/contracts/policy/record.ts";
import { changeOf, tally } from "./differences.ts";

const outcome = (over: Partial<RecordedOutcome> = {}): RecordedOutcome => ({
  decision: "ALLOW",
  reasons: ["fine"],
  obligations: [],
  route: null,
  limits: null,
  acr: null,
  approvals: [],
  throttle: null,
  ...over,
});
const denied = outcome({ decision: "DENY", reasons: ["late"] });
const cap = (max: number) => ({ id: "cap_output_tokens", params: { max } }) as const;
const local = { id: "require_local", params: {} } as const;
const asked = { layer: "tenant", approvers: 1, role: "approver", edit: false } as const;

describe("the difference of two answers", () => {
  it.each([
    ["same", outcome(), outcome({ reasons: ["other words"] })],
    ["same", outcome({ obligations: [cap(1), local] }), outcome({ obligations: [local, cap(1)] })],
    ["same", denied, outcome({ decision: "DENY", reasons: ["other"] })],
    ["newly_denied", outcome(), denied],
    ["newly_denied", outcome({ decision: "REQUIRE_HITL", approvals: [asked] }), denied],
    ["newly_allowed", denied, outcome()],
    ["newly_allowed", denied, outcome({ decision: "ROUTE", route: {} })],
    ["changed_decision", denied, outcome({ decision: "REQUIRE_HITL", approvals: [asked] })],
    ["changed_decision", outcome(), outcome({ decision: "REQUIRE_STEP_UP", acr: { values: ["high"] } })],
    ["changed_decision", outcome({ decision: "THROTTLE" }), outcome({ decision: "REQUIRE_HITL", approvals: [asked] })],
    ["changed_route", outcome(), outcome({ decision: "ROUTE", route: { a: [] } })],
    ["changed_route", outcome({ route: { a: [], b: [] } }), outcome({ route: { b: [] } })],
    ["changed_obligations", outcome(), outcome({ obligations: [local] })],
    ["changed_obligations", outcome({ obligations: [cap(1)] }), outcome({ obligations: [cap(2)] })],
    ["changed_obligations", outcome({ route: { a: [] } }), outcome({ route: { a: [cap(1)] } })],
    ["changed_demands", outcome(), outcome({ limits: { output_tokens_max: 1 } })],
    [
      "changed_demands",
      outcome({ decision: "REQUIRE_HITL", approvals: [asked] }),
      outcome({ decision: "REQUIRE_HITL", approvals: [{ ...asked, approvers: 2 }] }),
    ],
  ] as const)("is %s", (change, before, after) => {
    expect(changeOf(before, after)).toBe(change);
  });

  it("has a place for each in the summary", () => {
    expect(Object.keys(tally())).toEqual([...SIMULATED_CHANGES]);
  });
});
