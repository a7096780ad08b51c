import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { loadPlan, type Plan } from "../engine/evaluate.ts";
import { fromJson } from "../engine/json.ts";
import type { Machine } from "../engine/machine.ts";
import { OObject, type Value } from "../engine/value.ts";
import { decideLayer, type LayerPolicy, withFacts } from "./decide-layer.ts";
import { explainLayer } from "./explain-layer.ts";

function probePlan(): Plan {
  const loaded = loadPlan(JSON.parse(readFileSync(new URL("./fixtures/probe.plan.json", import.meta.url), "utf8")));
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error));
  return loaded.value;
}

function value(json: unknown): Value {
  const converted = fromJson(json);
  if (!converted.ok) throw new Error(converted.error.detail);
  return converted.value;
}

const probe: LayerPolicy = { plan: probePlan(), data: withFacts(new OObject(), value({ code: "from_facts" })) };
const ask = (input: unknown, policy = probe) => decideLayer(policy, value(input), 7n);
const states = (document: unknown) => ask({ probe: "document", document });

describe("each way in which a policy can fail denies, so that nothing that goes wrong is an allowance", () => {
  it.each([
    ["has no answer", { probe: "nothing" }, "policy_undefined"],
    ["answers twice", { probe: "conflict" }, "policy_conflict"],
    [
      "fails in a builtin that its rule would have taken for false",
      { probe: "builtin", text: "x" },
      "policy_builtin_error",
    ],
    ["asks for randomness", { probe: "random" }, "policy_builtin_error"],
    ["does not end", { probe: "endless" }, "policy_step_limit"],
    ["answers no object", { probe: "document", document: ["ALLOW"] }, "document_invalid"],
  ])("a policy that %s", (_, input, code) => {
    const { answer, failure, timeless } = ask(input);
    expect(answer).toEqual({ decision: "DENY", reasons: [code], obligations: [] });
    expect(failure?.code).toBe(code);
    // What was a failure once may not be one again: nobody remembers it.
    expect(timeless).toBe(false);
  });

  it("a plan without the entry point", () => {
    const empty: LayerPolicy = { plan: { entrypoints: new Map(), rules: [] }, data: new OObject() };
    expect(ask({}, empty).answer.reasons).toEqual(["policy_undefined"]);
  });

  it("an evaluation that breaks inside the engine", () => {
    const broken = new Map([
      [
        "bailiwick/decision",
        () => {
          throw new TypeError("broken");
        },
      ],
    ]);
    const { answer, failure } = ask({}, { plan: { entrypoints: broken, rules: [] }, data: new OObject() });
    expect(answer.decision).toBe("DENY");
    expect(failure).toEqual({ code: "policy_error", detail: "broken" });
  });

  it("a policy under narrower limits than it needs", () => {
    const { answer } = decideLayer(probe, value({ probe: "facts" }), 0n, { steps: 3 });
    expect(answer.reasons).toEqual(["policy_step_limit"]);
  });

  it("and its author is told what it was", () => {
    const detail = (input: unknown, policy = probe) => ask(input, policy).failure?.detail;
    expect(detail({ probe: "nothing" })).toBe("data.bailiwick.decision is undefined");
    expect(detail({ probe: "endless" })).toBe("steps");
    expect(detail({ probe: "builtin", text: "x" })).toBe("to_number: invalid syntax");
    expect(detail({}, { plan: { entrypoints: new Map(), rules: [] }, data: new OObject() })).toBe("bailiwick/decision");
  });
});

describe("documents that are no decision deny, so that a misspelt demand is never lost", () => {
  const allow = { decision: "ALLOW", reasons: ["ok"] };
  it.each([
    ["an unknown verb", { decision: "PERMIT", reasons: [] }, "document_invalid"],
    ["a verb in another case", { decision: "allow", reasons: [] }, "document_invalid"],
    ["no reasons", { decision: "ALLOW" }, "document_invalid"],
    ["policy text as a reason", { decision: "ALLOW", reasons: ["Only admins may."] }, "document_invalid"],
    ["a member that nobody reads", { ...allow, obligation: [] }, "document_invalid"],
    ["step-up without a class", { decision: "REQUIRE_STEP_UP", reasons: [] }, "document_invalid"],
    ["ROUTE without a route", { decision: "ROUTE", reasons: [] }, "document_invalid"],
    ["a class under ALLOW", { ...allow, acr: { values: ["mfa"] } }, "document_invalid"],
    ["an approval under ALLOW", { ...allow, approval: { approvers: 2 } }, "document_invalid"],
    ["a limit that throttles under ALLOW", { ...allow, throttle: { limit: "x" } }, "document_invalid"],
    ["no approver at all", { decision: "REQUIRE_HITL", reasons: [], approval: { approvers: 0 } }, "document_invalid"],
    [
      "an unknown member of a selector",
      { decision: "ROUTE", reasons: [], route: { deny: [{ vendor: "x" }] } },
      "document_invalid",
    ],
    ["an unknown obligation", { ...allow, obligations: [{ id: "be_nice" }] }, "obligation_unknown"],
    [
      "an obligation named as an object's own method",
      { ...allow, obligations: [{ id: "constructor" }] },
      "obligation_unknown",
    ],
    ["an obligation without its parameters", { ...allow, obligations: [{ id: "pin_model" }] }, "obligation_invalid"],
    [
      "parameters that nobody reads",
      { ...allow, obligations: [{ id: "forbid_tools", params: { except: ["x"] } }] },
      "obligation_invalid",
    ],
    [
      "an unknown obligation of a candidate",
      { decision: "ROUTE", reasons: [], route: { obligations: [{ match: {}, obligations: [{ id: "be_nice" }] }] } },
      "obligation_unknown",
    ],
    [
      "a document as large as a data set",
      { ...allow, ttl_s: Array.from({ length: 30_000 }, () => 1) },
      "document_invalid",
    ],
  ])("%s", (_, document, code) => {
    expect(states(document).answer).toEqual({ decision: "DENY", reasons: [code], obligations: [] });
  });

  it("takes each demand under the verb that enforces it", () => {
    const acr = { values: ["mfa"], max_age_s: 300 };
    const approval = { approvers: 2, role: "admin", edit: true };
    for (const document of [
      { decision: "REQUIRE_STEP_UP", reasons: ["weak"], acr },
      { decision: "REQUIRE_STEP_UP", reasons: ["weak"], acr, approval },
      { decision: "REQUIRE_HITL", reasons: ["risk"], approval },
      { decision: "THROTTLE", reasons: ["busy"], throttle: { limit: "calls_a_minute" } },
    ])
      expect(states(document)).toMatchObject({ answer: { ...document, obligations: [] }, failure: null });
  });

  it("keeps what each candidate is used under beside its route, entry by entry", () => {
    const route = {
      deny: [{ region: "us" }],
      obligations: [
        {
          match: { locality: "api" },
          obligations: [{ id: "redact_input" }, { id: "pin_model", params: { model: "m" } }],
        },
        { match: {}, obligations: [] },
      ],
    };
    expect(states({ decision: "ROUTE", reasons: [], route }).answer).toEqual({
      ...{ decision: "ROUTE", reasons: [], obligations: [] },
      route: {
        deny: [{ region: "us" }],
        obligations: [
          {
            match: { locality: "api" },
            obligations: [
              { id: "redact_input", params: {} },
              { id: "pin_model", params: { model: "m" } },
            ],
          },
          { match: {}, obligations: [] },
        ],
      },
    });
  });

  it.each([
    ["what is misplaced", { ...allow, acr: { values: ["mfa"] } }, "acr does not belong to ALLOW"],
    ["a misplaced approval", { ...allow, approval: {} }, "approval does not belong to ALLOW"],
    ["a misplaced limit", { ...allow, throttle: { limit: "x" } }, "throttle does not belong to ALLOW"],
    ["the unknown obligation", { ...allow, obligations: [{ id: "be_nice" }] }, "be_nice"],
    ["where it does not parse", { ...allow, limits: { budget_nusd: -1 } }, /^limits\.budget_nusd: .+/],
    ["what is no object", ["ALLOW"], "not an object"],
    ["what is too large to be read", { ...allow, ttl_s: Array.from({ length: 30_000 }, () => 1) }, "too large"],
  ])("tells the policy's author %s", (_, document, detail) => {
    expect(states(document).failure?.detail).toMatch(typeof detail === "string" ? new RegExp(`^${detail}$`) : detail);
  });

  it("takes a document as it is stated, with its defaults", () => {
    const document = {
      decision: "REQUIRE_HITL",
      reasons: ["high_risk"],
      obligations: [{ id: "redact_input" }, { id: "cap_output_tokens", params: { max: 9 } }],
      route: { allow: [{ locality: "local" }] },
      approval: {},
    };
    expect(states(document).answer).toEqual({
      decision: "REQUIRE_HITL",
      reasons: ["high_risk"],
      obligations: [
        { id: "redact_input", params: {} },
        { id: "cap_output_tokens", params: { max: 9 } },
      ],
      route: { allow: [{ locality: "local" }] },
      approval: { approvers: 1, role: "approver", edit: false },
    });
  });
});

describe("what a decision rests on", () => {
  it("gives a policy the cell's facts and the instant it was asked with", () => {
    expect(ask({ probe: "facts" }).answer.reasons).toEqual(["from_facts"]);
    expect(ask({ probe: "clock" }).answer.reasons).toEqual(["at_7"]);
  });

  it("keeps one tenant's facts out of the data that others share", () => {
    const shared = value({ limits: { a: 1 } });
    const mine = withFacts(shared, value({ code: "mine" }));
    expect(ask({ probe: "facts" }, { ...probe, data: mine }).answer.reasons).toEqual(["mine"]);
    expect(ask({ probe: "facts" }, { ...probe, data: shared }).answer.reasons).toEqual(["policy_undefined"]);
  });

  it("explains the very decision that was made, by the rules that held and no others", () => {
    const input = value({ probe: "facts" });
    const { rules, truncated, ...outcome } = explainLayer(probe, input, 7n);
    expect(outcome).toEqual(decideLayer(probe, input, 7n));
    expect(rules).toEqual(["data.bailiwick.decision", "data.bailiwick.held"]);
    expect(truncated).toBe(false);
    expect(explainLayer(probe, value({ probe: "facts", refused: true }), 7n).rules).toEqual(["data.bailiwick.refused"]);
  });

  it("lists as many rules as fit an answer, each once, and says that there were more", () => {
    const many = (count: number): LayerPolicy => {
      const run = (machine: Machine) => {
        for (let n = 0; n < 2 * count; n++) machine.trace?.(["data", `r${n % count}`]);
      };
      return { plan: { entrypoints: new Map([["bailiwick/decision", run]]), rules: [] }, data: new OObject() };
    };
    for (const [held, listed, more] of [
      [LIMITS.policyRulesTracedMax, LIMITS.policyRulesTracedMax, false],
      [LIMITS.policyRulesTracedMax + 1, LIMITS.policyRulesTracedMax, true],
    ] as const) {
      const { rules, truncated } = explainLayer(many(held), value({}), 7n);
      expect([rules.length, new Set(rules).size, truncated]).toEqual([listed, listed, more]);
    }
  });
});
