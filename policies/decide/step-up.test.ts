import { describe, expect, it } from "vitest";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { LayerAnswer } from "./answer.ts";
import { withStepUpMet } from "./step-up.ts";

const NOW_S = 1_795_000_000;
const demand = (max_age_s?: number): LayerAnswer => ({
  decision: "REQUIRE_STEP_UP",
  reasons: ["step_up"],
  obligations: [{ id: "forbid_tools", params: {} }],
  acr: { values: ["phr", "phrh"], ...(max_age_s === undefined ? {} : { max_age_s }) },
  limits: { output_tokens_max: 5 },
});
const verb = (answer: LayerAnswer, acr: string | null, auth_time_s?: number) =>
  withStepUpMet(answer, { acr, ...(auth_time_s === undefined ? {} : { auth_time_s }) }, NOW_S * 1000).decision;

describe("a demand for authentication", () => {
  it("is met by one of its classes and by no other, so that a weaker sign-in never passes", () => {
    expect(verb(demand(), "phrh")).toBe("ALLOW");
    for (const other of [null, "", "pwd", "PHR", "phr phrh"])
      expect(verb(demand(), other), String(other)).toBe("REQUIRE_STEP_UP");
  });

  it("is met for as long as it allows, and never by a sign-in of which nobody said when it was", () => {
    expect(verb(demand(60), "phr", NOW_S - 60)).toBe("ALLOW");
    expect(verb(demand(60), "phr", NOW_S - 61)).toBe("REQUIRE_STEP_UP");
    expect(verb(demand(60), "phr")).toBe("REQUIRE_STEP_UP");
    expect(verb(demand(60), "phr", NOW_S + 3_600)).toBe("REQUIRE_STEP_UP");
    expect(verb(demand(0), "phr", NOW_S)).toBe("ALLOW");
    expect(verb(demand(60), "pwd", NOW_S)).toBe("REQUIRE_STEP_UP");
  });

  it("leaves every other demand of its layer in place", () => {
    const { acr, decision, ...others } = demand();
    expect(withStepUpMet(demand(), { acr: "phr" }, NOW_S * 1000)).toEqual({ ...others, decision: "ALLOW" });
    const routed: LayerAnswer = { ...demand(), route: { allow: [] } };
    expect(withStepUpMet(routed, { acr: "phr" }, 0)).toMatchObject({ decision: "ROUTE", route: { allow: [] } });
    expect([acr?.values[0], decision]).toEqual(["phr", "REQUIRE_STEP_UP"]);
  });

  it("still waits for the approval that was demanded beside it", () => {
    const approval = { approvers: 2, role: "approver" as const, edit: false };
    const asked = withStepUpMet({ ...demand(), approval }, { acr: "phr" }, NOW_S * 1000);
    expect(asked).toMatchObject({ decision: "REQUIRE_HITL", approval });
  });

  it("changes no other answer", () => {
    const denied: LayerAnswer = { decision: "DENY", reasons: ["x"], obligations: [] };
    expect(withStepUpMet(denied, { acr: "phr" }, 0)).toBe(denied);
  });

  it("never lifts what is no step-up although it names classes, so that signing in turns no denial into an allowance", () => {
    const { acr = { values: [] } } = demand();
    for (const decision of ["DENY", "THROTTLE", "REQUIRE_HITL"] as const) {
      const answer: LayerAnswer = { decision, reasons: ["x"], obligations: [], acr };
      expect(withStepUpMet(answer, { acr: "phr" }, NOW_S * 1000)).toBe(answer);
    }
  });

  it("is met by no sign-in where it names no class", () => {
    const unnamed: LayerAnswer = { decision: "REQUIRE_STEP_UP", reasons: ["x"], obligations: [] };
    expect(withStepUpMet(unnamed, { acr: "phr" }, NOW_S * 1000)).toBe(unnamed);
  });

  it("lets clocks differ by as much as the cell allows and no more", () => {
    expect(verb(demand(60), "phr", NOW_S + LIMITS.clockSkewS)).toBe("ALLOW");
    expect(verb(demand(60), "phr", NOW_S + LIMITS.clockSkewS + 1)).toBe("REQUIRE_STEP_UP");
    expect(verb(demand(), "phr", NOW_S + 3_600)).toBe("ALLOW");
  });
});
