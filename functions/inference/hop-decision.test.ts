import { describe, expect, it } from "vitest";
import type { Decided, Decision, PolicyInput } from "../../shared/contracts/decision.ts";
import { DecisionRecord } from "../../shared/contracts/policy/record.ts";
import { PolicyUnavailable } from "../../shared/contracts/ports/policy.ts";
import { decisionId } from "../../test/support/policy-fixtures.ts";
import { policyInput } from "../../test/support/policy-input.ts";
import type { Call, Deps } from "../context.ts";
import { decideHop } from "./hop-decision.ts";

const candidate = (id: string) => ({
  ...{ id, alias: "any", provider: "pool", model: "m", tier: 0, locality: "local" as const, jurisdiction: "eu" },
});
const decided = (decision: Partial<Decision>): Decided => ({
  id: decisionId(1),
  decision: { decision: "ALLOW", reasons: ["ok"], obligations: [], approvals: [], ...decision },
  layers: [],
  policy_digest: "sha256:0",
  input_digest: "0",
  now_ns: "0",
});
const cap = (max: number) => ({ id: "cap_output_tokens" as const, params: { max } });

/** What becomes of a hop to `pool:b` of a call that was admitted so, when policy answers so now. */
async function hop(now: Partial<Decision> | Error, admitted: Partial<Decision> = {}) {
  const asked: PolicyInput[] = [];
  const counted: string[] = [];
  const deps = {
    clock: { now: () => 1_795_000_000_000 },
    telemetry: { metrics: { count: (name: string) => void counted.push(name) }, log: { error: () => {} } },
    policy: {
      decide: async (input: PolicyInput) => {
        asked.push(input);
        if (now instanceof Error) throw now;
        return decided(now);
      },
    },
  } as unknown as Deps; // safe because: a hop touches nothing else
  const call = {
    policyInput: policyInput({ candidates: [candidate("pool:a"), candidate("pool:b")] }),
    decided: decided(admitted),
    access: { versions: { policy: 3 } },
    task: "task_1",
    snapshot: { digest: "sha256:s" },
  } as unknown as Call; // safe because: the same
  const outcome = await decideHop(deps, call, "pool:b");
  const record = outcome.ok ? outcome.value : outcome.error.decision;
  return {
    verdict: outcome.ok ? "taken" : outcome.error.reason,
    asked,
    counted,
    record: record === null ? null : DecisionRecord.parse(JSON.parse(record.record)),
  };
}

describe("a fallback hop", () => {
  it("is decided anew, as a fallback and about its own candidate alone, and leaves its own record", async () => {
    const { verdict, asked, record } = await hop({});
    expect(verdict).toBe("taken");
    expect(asked.map(({ point, candidates }) => [point, candidates.map(({ id }) => id)])).toEqual([
      ["fallback", ["pool:b"]],
    ]);
    expect(record).toMatchObject({ task: "task_1", input: { point: "fallback" }, outcome: { decision: "ALLOW" } });
  });

  it("is not taken when policy does not allow it now, whatever it allowed when the call began", async () => {
    for (const decision of ["DENY", "REQUIRE_HITL", "REQUIRE_STEP_UP", "THROTTLE"] as const)
      expect((await hop({ decision })).verdict, decision).toBe("policy_denied");
    expect((await hop({ decision: "ROUTE", route: { candidates: new Map() } })).verdict).toBe("policy_denied");
    expect((await hop({ decision: "DENY" })).record).toMatchObject({ outcome: { decision: "DENY" } });
  });

  it("is not taken without a live policy, so that an expired one allows no further effect", async () => {
    const { verdict, counted, record } = await hop(new PolicyUnavailable("expired"));
    expect([verdict, counted, record]).toEqual(["policy_unavailable", ["bailiwick_policy_unavailable_total"], null]);
    await expect(hop(new TypeError("a defect"))).rejects.toThrow("a defect");
  });

  it("is not taken under more than the call was admitted with, so that no new duty is left aside", async () => {
    expect((await hop({ obligations: [cap(5)] })).verdict).toBe("policy_denied");
    expect((await hop({ obligations: [cap(5)] }, { obligations: [cap(9)] })).verdict).toBe("policy_denied");
    expect((await hop({ obligations: [cap(5)] }, { obligations: [cap(5)] })).verdict).toBe("taken");
    const own = { decision: "ROUTE" as const, route: { candidates: new Map([["pool:b", [cap(5)]]]) } };
    expect((await hop(own)).verdict).toBe("policy_denied");
    expect((await hop(own, own)).verdict).toBe("taken");
    expect((await hop({ limits: { output_tokens_max: 5 } })).verdict).toBe("policy_denied");
    expect((await hop({ limits: { output_tokens_max: 5 } }, { limits: { output_tokens_max: 5 } })).verdict).toBe(
      "taken",
    );
  });
});
