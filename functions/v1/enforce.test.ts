import { describe, expect, it } from "vitest";
import type { Decided, Decision } from "../../shared/contracts/decision.ts";
import { DecisionId } from "../../shared/contracts/ids.ts";
import { OBLIGATION_IDS, type Obligation } from "../../shared/contracts/policy/obligations.ts";
import { PROBLEMS } from "../../shared/contracts/problems.ts";
import { problemHeaders } from "../problem.ts";
import { refusalOf } from "./enforce.ts";

const decided = (members: Partial<Decision>): Decided => ({
  id: DecisionId.parse(`dec_${"0".repeat(26)}`),
  decision: { decision: "ALLOW", reasons: ["why"], obligations: [], approvals: [], ...members },
  layers: [],
  policy_digest: "",
  input_digest: "",
  now_ns: "0",
});
const refusal = (members: Partial<Decision>, enforces?: readonly Obligation["id"][]) =>
  refusalOf(decided(members), enforces === undefined ? {} : { enforces });
function answer(members: Partial<Decision>) {
  const problem = refusal(members);
  if (!problem) return null;
  const { status } = PROBLEMS[problem.slug];
  return { status, headers: problemHeaders(problem), members: problem.extensions.members };
}
const cap: Obligation = { id: "cap_output_tokens", params: { max: 5 } };
const disclaimer: Obligation = { id: "disclaimer", params: { text: "Beta" } };

describe("what a decision does to a call", () => {
  it("lets it go on when it is allowed or routed, and refuses nothing that waits for an approval", () => {
    for (const decision of ["ALLOW", "ROUTE", "REQUIRE_HITL"] as const) expect(refusal({ decision })).toBeNull();
  });

  it("is a 403 with the codes of its reasons when it is denied", () => {
    expect(answer({ decision: "DENY" })).toMatchObject({ status: 403, members: { reasons: ["why"] } });
    expect(answer({ decision: "DENY", reasons: ["insufficient_scope"] })).toMatchObject({
      status: 403,
      headers: { "www-authenticate": 'Bearer error="insufficient_scope"' },
    });
  });

  it("is a challenge that says which sign-in would do, as RFC 9470 has it", () => {
    const { status, headers } =
      answer({ decision: "REQUIRE_STEP_UP", acr: { values: ["phr", "phrh"], max_age_s: 60 } }) ?? expect.fail();
    expect(status).toBe(401);
    expect(headers["www-authenticate"]).toMatch(
      /^Bearer error="insufficient_user_authentication", error_description="[^"]+", acr_values="phr phrh", max_age="60"$/,
    );
  });

  it("never lets a policy write headers of its own", () => {
    const values = ['a", realm="x', "b\r\nset-cookie: c=1", "ok"];
    const { headers } = answer({ decision: "REQUIRE_STEP_UP", acr: { values } }) ?? expect.fail();
    expect(headers["www-authenticate"]).toContain('acr_values="ok"');
    expect(headers["www-authenticate"]).not.toMatch(/realm|[\r\n]/);
  });

  it("is a 429 that names the limit and says when to come back", () => {
    expect(answer({ decision: "THROTTLE", throttle: { limit: "night-shift" }, ttl_s: 7 })).toMatchObject({
      status: 429,
      headers: { "retry-after": "7", "retry-after-ms": "7000" },
      members: { limit: { name: "night-shift" }, reasons: ["why"] },
    });
  });
});

describe("an obligation", () => {
  it("that the operation cannot carry out refuses the call, so that a duty is never left aside", () => {
    const unsupported = { members: { reasons: ["obligation_unsupported"] } };
    expect(refusal({ obligations: [cap] })?.extensions).toMatchObject(unsupported);
    expect(refusal({ obligations: [disclaimer] })).toBeNull();
    expect(refusal({ obligations: [cap, disclaimer] }, ["redact_output"])?.extensions).toMatchObject(unsupported);
    expect(refusal({ obligations: [cap, disclaimer] }, OBLIGATION_IDS)).toBeNull();
  });

  it("of a single candidate counts as well", () => {
    const route = { candidates: new Map([["own:llama", [cap]]]) };
    expect(refusal({ decision: "ROUTE", route })?.extensions.members).toEqual({ reasons: ["obligation_unsupported"] });
    expect(refusal({ decision: "ROUTE", route }, ["cap_output_tokens"])).toBeNull();
  });
});
