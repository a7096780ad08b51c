import { describe, expect, it } from "vitest";
import type { PolicyCandidate } from "../../shared/contracts/decision.ts";
import type { Obligation } from "../../shared/contracts/policy/obligations.ts";
import type { ApprovalEvidence } from "../../shared/contracts/ports/policy.ts";
import type { LayerAnswer } from "./answer.ts";
import { requestersOf } from "./approvals.ts";
import { type CombineContext, combine } from "./combine.ts";
import { mergeObligations } from "./obligations.ts";

const candidate = (id: string, locality: "local" | "api", more: Partial<PolicyCandidate> = {}): PolicyCandidate => {
  const [provider = "", model = ""] = id.split(":");
  return { id, alias: "chat", provider, model, tier: 1, locality, jurisdiction: "eu", ...more };
};
const POOL = candidate("pool:small", "local", { tier: 0 });
const NEAR = candidate("near:large", "api");
const FAR = candidate("far:large", "api", { jurisdiction: "us", tier: 2 });
const OFFERED = [POOL, NEAR, FAR];

const answer = (decision: LayerAnswer["decision"], more: Partial<LayerAnswer> = {}): LayerAnswer => ({
  decision,
  reasons: [decision.toLowerCase()],
  obligations: [],
  ...more,
});
const allow = answer("ALLOW");
const context = (more: Partial<CombineContext> = {}): CombineContext => ({
  candidates: OFFERED,
  requesters: ["ada"],
  evidence: null,
  ...more,
});
const both = (cell: LayerAnswer, tenant: LayerAnswer | null, more: Partial<CombineContext> = {}) =>
  combine({ cell, tenant }, context(more));
const denied = (code: string) => ({ decision: "DENY", reasons: [code], obligations: [], approvals: [] });
const routed = (cell: LayerAnswer, tenant: LayerAnswer | null = null) => [
  ...(both(cell, tenant).route?.candidates.keys() ?? []),
];

describe("routes, so that no candidate is used that a layer did not approve", () => {
  it.each([
    ["candidate", { candidate: "near:large" }, ["near:large"]],
    ["engine", { engine: "large" }, ["near:large", "far:large"]],
    ["provider", { provider: "far" }, ["far:large"]],
    ["region", { region: "eu" }, ["pool:small", "near:large"]],
    ["tier", { tier: 0 }, ["pool:small"]],
    ["locality", { locality: "api" }, ["near:large", "far:large"]],
    ["several members, all of which must match", { engine: "large", region: "us" }, ["far:large"]],
    ["no member, which matches all", {}, ["pool:small", "near:large", "far:large"]],
  ] as const)("selects by %s", (_, selector, expected) => {
    expect(routed(answer("ROUTE", { route: { allow: [selector] } }))).toEqual(expected);
  });

  it("lets a denied candidate stay denied although it is allowed too", () => {
    const route = { allow: [{ locality: "api" as const }], deny: [{ region: "us" }] };
    expect(routed(answer("ROUTE", { route }))).toEqual(["near:large"]);
    const several = { deny: [{ region: "us" }, { tier: 0 }, { provider: "elsewhere" }] };
    expect(routed(answer("ROUTE", { route: several }))).toEqual(["near:large"]);
  });

  it("leaves what both layers approve, and denies when nothing remains", () => {
    const cell = answer("ROUTE", { route: { deny: [{ region: "us" }] } });
    expect(routed(cell, answer("ROUTE", { route: { allow: [{ engine: "large" }] } }))).toEqual(["near:large"]);
    expect(both(cell, answer("ROUTE", { route: { allow: [{ provider: "far" }] } }))).toEqual(
      denied("no_approved_candidate"),
    );
    expect(both(answer("ROUTE", { route: { allow: [] } }), allow)).toEqual(denied("no_approved_candidate"));
  });

  it("routes an ALLOW that has a route, so that its restriction is not lost", () => {
    const decision = both(answer("ALLOW", { route: { allow: [{ locality: "local" }] } }), null);
    expect(decision.decision).toBe("ROUTE");
    expect([...(decision.route?.candidates.keys() ?? [])]).toEqual(["pool:small"]);
  });

  it("approves none of no candidates, for calls that need none", () => {
    const decision = both(answer("ROUTE", { route: {} }), null, { candidates: [] });
    expect(decision.decision).toBe("ROUTE");
    expect(decision.route?.candidates.size).toBe(0);
  });

  it("gives each candidate everything it is used under, the call's own obligations included", () => {
    const cell = answer("ROUTE", {
      obligations: [{ id: "cap_output_tokens", params: { max: 100 } }],
      route: { obligations: [{ match: { locality: "api" }, obligations: [{ id: "redact_input", params: {} }] }] },
    });
    const tenant = answer("ROUTE", {
      route: {
        obligations: [{ match: { region: "us" }, obligations: [{ id: "cap_output_tokens", params: { max: 50 } }] }],
      },
    });
    expect([...(both(cell, tenant).route?.candidates ?? [])]).toEqual([
      ["pool:small", [{ id: "cap_output_tokens", params: { max: 100 } }]],
      [
        "near:large",
        [
          { id: "redact_input", params: {} },
          { id: "cap_output_tokens", params: { max: 100 } },
        ],
      ],
      [
        "far:large",
        [
          { id: "redact_input", params: {} },
          { id: "cap_output_tokens", params: { max: 50 } },
        ],
      ],
    ]);
  });

  it("drops a candidate whose obligations contradict each other, and denies when it was the last", () => {
    const pinned = (model: string): Obligation => ({ id: "pin_model", params: { model } });
    const cell = answer("ROUTE", { obligations: [pinned("small")], route: {} });
    const tenant = answer("ROUTE", {
      route: { obligations: [{ match: { engine: "large" }, obligations: [pinned("large")] }] },
    });
    expect(routed(cell, tenant)).toEqual(["pool:small"]);
    expect(both(cell, tenant, { candidates: [NEAR] })).toEqual(denied("obligation_conflict"));
  });
});

describe("obligations, so that the union is at least as strict as each layer", () => {
  const merged = (...lists: Obligation[][]) => {
    const result = mergeObligations(...lists);
    return result.ok ? result.value : result.error;
  };
  it.each<[string, Obligation, Obligation, Obligation]>([
    [
      "detectors of both",
      { id: "redact_input", params: { detectors: ["email", "iban"] } },
      { id: "redact_input", params: { detectors: ["iban", "card"] } },
      { id: "redact_input", params: { detectors: ["card", "email", "iban"] } },
    ],
    [
      "all detectors where one layer names none",
      { id: "redact_output", params: { detectors: ["email"] } },
      { id: "redact_output", params: {} },
      { id: "redact_output", params: {} },
    ],
    [
      "the lower cap",
      { id: "cap_output_tokens", params: { max: 9 } },
      { id: "cap_output_tokens", params: { max: 5 } },
      { id: "cap_output_tokens", params: { max: 5 } },
    ],
    [
      "the higher audit level",
      { id: "audit_level", params: { level: "standard" } },
      { id: "audit_level", params: { level: "full" } },
      { id: "audit_level", params: { level: "full" } },
    ],
    [
      "both disclaimers",
      { id: "disclaimer", params: { text: "One." } },
      { id: "disclaimer", params: { text: "Two." } },
      { id: "disclaimer", params: { text: "One. | Two." } },
    ],
    [
      "one pin",
      { id: "pin_model", params: { model: "a" } },
      { id: "pin_model", params: { model: "a" } },
      { id: "pin_model", params: { model: "a" } },
    ],
  ])("keeps %s", (_, a, b, expected) => {
    expect(merged([a], [b])).toEqual([expected]);
    expect(merged([a, b])).toEqual([expected]);
    // Disclaimers stand in the order given; nothing else depends on who said it first.
    if (expected.id !== "disclaimer") expect(merged([b], [a])).toEqual([expected]);
  });

  it.each<[string, Obligation[]]>([
    ["retained content", [{ id: "retain_content", params: {} }]],
    ["forbidden content", [{ id: "forbid_content", params: {} }]],
    [
      "no tools, on the cell's pools",
      ["require_local" as const, "forbid_tools" as const].map((id) => ({ id, params: {} })),
    ],
  ])("keeps %s as it is stated, by one layer or by both", (_, stated) => {
    expect(merged(stated, [])).toEqual(stated);
    expect(merged(stated, stated)).toEqual(stated);
  });

  it("joins disclaimers up to what their header holds, to the last character", () => {
    const said = (text: string): Obligation => ({ id: "disclaimer", params: { text } });
    const whole = `${"a".repeat(200)} | ${"b".repeat(53)}`;
    expect(merged([said("a".repeat(200))], [said("b".repeat(53))])).toEqual([said(whole)]);
    expect(merged([said("a".repeat(200))], [said("b".repeat(54))])).toEqual({ reason: "obligation_conflict" });
  });

  it.each<[string, Obligation[], Obligation[]]>([
    ["two models", [{ id: "pin_model", params: { model: "a" } }], [{ id: "pin_model", params: { model: "b" } }]],
    ["content retained and forbidden", [{ id: "retain_content", params: {} }], [{ id: "forbid_content", params: {} }]],
    [
      "disclaimers that no header holds",
      [{ id: "disclaimer", params: { text: "a".repeat(200) } }],
      [{ id: "disclaimer", params: { text: "b".repeat(200) } }],
    ],
  ])("denies %s", (_, cell, tenant) => {
    expect(both(answer("ALLOW", { obligations: cell }), answer("ALLOW", { obligations: tenant }))).toEqual(
      denied("obligation_conflict"),
    );
    expect(both(answer("ALLOW", { obligations: [...tenant, ...cell] }), null)).toEqual(denied("obligation_conflict"));
  });
});

describe("authentication that both layers ask for", () => {
  const stepUp = (values: string[], max_age_s?: number) =>
    answer("REQUIRE_STEP_UP", { acr: max_age_s === undefined ? { values } : { values, max_age_s } });

  it("keeps the classes that satisfy both and the shorter age", () => {
    expect(both(stepUp(["mfa", "phr"], 300), stepUp(["phr", "mfa"], 60)).acr).toEqual({
      values: ["mfa", "phr"],
      max_age_s: 60,
    });
    expect(both(stepUp(["mfa", "phr"]), stepUp(["phr"], 60)).acr).toEqual({ values: ["phr"], max_age_s: 60 });
  });

  it("denies what no class satisfies, instead of asking for ever", () => {
    expect(both(stepUp(["mfa"]), stepUp(["phr"]))).toEqual(denied("acr_conflict"));
  });

  it("keeps the other layer's approval beside it, so that stepping up does not replace approving", () => {
    const decision = both(stepUp(["mfa"]), answer("REQUIRE_HITL"));
    expect(decision.decision).toBe("REQUIRE_STEP_UP");
    expect(decision.approvals).toEqual([{ layer: "tenant", approvers: 1, role: "approver", edit: false }]);
  });
});

describe("approvals, so that nobody approves for themselves or for a layer that is not theirs", () => {
  const hitl = (approvers = 1, more: Partial<LayerAnswer> = {}) =>
    answer("REQUIRE_HITL", { approval: { approvers, role: "approver", edit: false }, ...more });
  const granted = (
    ...grants: [layer: "cell" | "tenant", subject: string, role?: "approver" | "admin"][]
  ): ApprovalEvidence => ({
    digest: "sha256:0",
    granted: grants.map(([layer, subject, role = "approver"]) => ({ layer, subject, roles: [role] })),
  });
  const layersAsking = (cell: LayerAnswer, tenant: LayerAnswer | null, evidence: ApprovalEvidence) =>
    both(cell, tenant, { evidence }).approvals.map(({ layer }) => layer);

  it("asks every layer's own approvers", () => {
    expect(layersAsking(hitl(), hitl(), granted())).toEqual(["cell", "tenant"]);
    expect(layersAsking(hitl(), hitl(), granted(["tenant", "bob"]))).toEqual(["cell"]);
    expect(layersAsking(hitl(), hitl(), granted(["cell", "bob"]))).toEqual(["tenant"]);
    expect(layersAsking(hitl(), hitl(), granted(["cell", "bob"], ["tenant", "bob"]))).toEqual([]);
  });

  it.each([
    ["the requester", granted(["cell", "ada"])],
    ["somebody without the role", granted(["cell", "bob", "admin"])],
    ["an approver of the other layer", granted(["tenant", "bob"])],
  ])("takes no grant by %s", (_, evidence) => {
    expect(both(hitl(), null, { evidence }).decision).toBe("REQUIRE_HITL");
  });

  it("takes no grant by anybody in the chain of delegation", () => {
    const requesters = requestersOf({ subject: "agent", act: [{ subject: "bob", kind: "user" }] });
    expect(both(hitl(), null, { evidence: granted(["cell", "bob"]), requesters }).decision).toBe("REQUIRE_HITL");
  });

  it("keeps an approval that a layer states beside its step-up, approved or not", () => {
    const asked = hitl(1, { decision: "REQUIRE_STEP_UP", acr: { values: ["mfa"] } });
    expect(layersAsking(asked, null, granted())).toEqual(["cell"]);
    const approved = both(asked, null, { evidence: granted(["cell", "bob"]) });
    expect(approved).toMatchObject({ decision: "REQUIRE_STEP_UP", approvals: [], acr: { values: ["mfa"] } });
  });

  it("counts one approver once", () => {
    expect(both(hitl(2), null, { evidence: granted(["cell", "bob"], ["cell", "bob"]) }).decision).toBe("REQUIRE_HITL");
    expect(both(hitl(2), null, { evidence: granted(["cell", "bob"], ["cell", "eve"]) }).decision).toBe("ALLOW");
  });

  it("asks for one approver where the document names none", () => {
    expect(both(answer("REQUIRE_HITL"), null).approvals).toEqual([
      { layer: "cell", approvers: 1, role: "approver", edit: false },
    ]);
  });

  it("keeps route, limits and obligations of a layer once it is satisfied", () => {
    const cell = hitl(1, {
      obligations: [{ id: "forbid_tools", params: {} }],
      limits: { budget_nusd: 5 },
      route: { allow: [{ locality: "local" }] },
    });
    const decision = both(cell, null, { evidence: granted(["cell", "bob"]) });
    expect(decision.decision).toBe("ROUTE");
    expect([...(decision.route?.candidates.keys() ?? [])]).toEqual(["pool:small"]);
    expect(decision.obligations).toEqual([{ id: "forbid_tools", params: {} }]);
    expect(decision.limits).toEqual({ budget_nusd: 5 });
  });

  it("never turns a denial, a throttle or a step-up into an allowance", () => {
    const evidence = granted(["cell", "bob"], ["tenant", "bob"]);
    for (const verb of ["DENY", "THROTTLE", "REQUIRE_STEP_UP"] as const) {
      expect(both(answer(verb), hitl(), { evidence }).decision).toBe(verb);
      expect(both(hitl(), answer(verb), { evidence }).decision).toBe(verb);
    }
  });
});

describe("limits", () => {
  it("keeps the lowest of each, so that a tenant's generosity raises no cap of the cell", () => {
    const cell = answer("ALLOW", { limits: { budget_nusd: 5, latency_ms_max: 9 }, ttl_s: 60 });
    const tenant = answer("ALLOW", { limits: { budget_nusd: 7, output_tokens_max: 3 }, ttl_s: 30 });
    const decision = both(cell, tenant);
    expect(decision.limits).toEqual({ budget_nusd: 5, output_tokens_max: 3, latency_ms_max: 9 });
    expect(decision.ttl_s).toBe(30);
  });

  it("names the cell's limit where both throttle", () => {
    const throttled = (limit: string) => answer("THROTTLE", { throttle: { limit } });
    expect(both(throttled("cell"), throttled("tenant")).throttle).toEqual({ limit: "cell" });
    expect(both(allow, throttled("tenant")).throttle).toEqual({ limit: "tenant" });
  });
});

describe("what a decision says of itself", () => {
  const said = (verb: LayerAnswer["decision"], ...reasons: string[]) => answer(verb, { reasons });

  it("gives the reasons of those who decided, each once, so that nobody is sent to a rule that did not stop them", () => {
    expect(both(said("DENY", "a", "b"), said("ALLOW", "c")).reasons).toEqual(["a", "b"]);
    expect(both(said("ALLOW", "c"), said("REQUIRE_HITL", "h")).reasons).toEqual(["h"]);
    expect(both(said("DENY", "a", "b"), said("DENY", "b", "c")).reasons).toEqual(["a", "b", "c"]);
  });

  it("states nothing beside a denial's reasons, so that a refused call is not also put before an approver", () => {
    const more = { obligations: [{ id: "forbid_tools" as const, params: {} }], limits: { budget_nusd: 5 }, ttl_s: 9 };
    expect(both(answer("DENY", more), answer("REQUIRE_HITL"))).toStrictEqual(denied("deny"));
  });

  it("has no member that no layer asked for, so that an absent route, limit or term is never taken for one", () => {
    expect(both(allow, allow)).toStrictEqual({ decision: "ALLOW", reasons: ["allow"], obligations: [], approvals: [] });
  });
});
