import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Decision, PolicyCandidate } from "../../shared/contracts/decision.ts";
import { DECISIONS, type DecisionVerb } from "../../shared/contracts/policy/document.ts";
import type { Obligation } from "../../shared/contracts/policy/obligations.ts";
import type { ApprovalEvidence } from "../../shared/contracts/ports/policy.ts";
import type { LayerAnswer, RouteAnswer } from "./answer.ts";
import { type CombineContext, combine } from "./combine.ts";
import { mergeObligations } from "./obligations.ts";

const STRENGTH: readonly DecisionVerb[] = ["ALLOW", "ROUTE", "REQUIRE_HITL", "REQUIRE_STEP_UP", "THROTTLE", "DENY"];
const strength = (verb: DecisionVerb) => STRENGTH.indexOf(verb);

const subjects = fc.constantFrom("ada", "bob", "eve", "max");
const layers = fc.constantFrom("cell" as const, "tenant" as const);
const roles = fc.subarray(["approver", "admin", "operator"] as const);
const detectors = fc.subarray(["card", "email", "iban"], { minLength: 1 });
const redaction = fc.option(detectors, { nil: undefined }).map((names) => (names ? { detectors: names } : {}));

const obligation: fc.Arbitrary<Obligation> = fc.oneof(
  redaction.map((params): Obligation => ({ id: "redact_input", params })),
  redaction.map((params): Obligation => ({ id: "redact_output", params })),
  fc.integer({ min: 1, max: 9 }).map((max): Obligation => ({ id: "cap_output_tokens", params: { max } })),
  fc.constantFrom("small", "large").map((model): Obligation => ({ id: "pin_model", params: { model } })),
  fc
    .constantFrom("standard" as const, "full" as const)
    .map((level): Obligation => ({ id: "audit_level", params: { level } })),
  fc.constantFrom("One.", "Two.", "x".repeat(200)).map((text): Obligation => ({ id: "disclaimer", params: { text } })),
  fc
    .constantFrom(
      "require_local" as const,
      "forbid_tools" as const,
      "retain_content" as const,
      "forbid_content" as const,
    )
    .map((id): Obligation => ({ id, params: {} })),
);
const obligations = fc.array(obligation, { maxLength: 3 });

const candidates: PolicyCandidate[] = ["pool:small", "near:large", "far:large"].map((id, tier) => {
  const [provider = "", model = ""] = id.split(":");
  const [locality, jurisdiction] = [tier === 0 ? ("local" as const) : ("api" as const), tier === 2 ? "us" : "eu"];
  return { id, alias: "chat", provider, model, tier, locality, jurisdiction };
});
const selector = fc.constantFrom(
  {},
  { provider: "near" },
  { engine: "large" },
  { region: "us" },
  { tier: 0 },
  { candidate: "far:large" },
);
const selectors = fc.option(fc.array(selector, { maxLength: 2 }), { nil: undefined });
const route: fc.Arbitrary<RouteAnswer> = fc.record({
  allow: selectors,
  deny: selectors,
  obligations: fc.array(fc.record({ match: selector, obligations: fc.array(obligation, { maxLength: 1 }) }), {
    maxLength: 2,
  }),
});
const cap = fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined });

/** Answers as documents are read: a demand stands under its own verb alone. */
const answer: fc.Arbitrary<LayerAnswer> = fc
  .record({
    decision: fc.constantFrom(...DECISIONS),
    reasons: fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 2 }),
    obligations,
    route: fc.option(route, { nil: undefined }),
    budget: cap,
    edit: fc.boolean(),
    acr: fc.record({
      values: fc.subarray(["mfa", "phr"], { minLength: 1 }),
      max_age_s: fc.integer({ min: 0, max: 9 }),
    }),
    approval: fc.record({
      approvers: fc.integer({ min: 1, max: 2 }),
      role: fc.constantFrom("approver" as const, "admin" as const),
      edit: fc.boolean(),
    }),
    ttl_s: cap,
  })
  .map(({ budget, edit, acr, approval, ...rest }) => ({
    ...rest,
    route: rest.decision === "ROUTE" ? (rest.route ?? {}) : rest.route,
    ...(budget && { limits: { budget_nusd: budget } }),
    ...(rest.decision === "REQUIRE_STEP_UP" && { acr }),
    ...((rest.decision === "REQUIRE_HITL" || (rest.decision === "REQUIRE_STEP_UP" && edit)) && { approval }),
  }));
const evidence: fc.Arbitrary<ApprovalEvidence | null> = fc.option(
  fc.record({
    digest: fc.constant("sha256:0"),
    granted: fc.array(fc.record({ layer: layers, subject: subjects, roles }), { maxLength: 6 }),
  }),
);
const context: fc.Arbitrary<CombineContext> = fc.record({
  candidates: fc.subarray(candidates),
  requesters: fc.constant(["ada"]),
  evidence,
});

const RUNS = { numRuns: 2_000 };

/** Whether keeping `strict` keeps `loose` too. */
function covers(strict: readonly Obligation[], loose: readonly Obligation[]): boolean {
  const [both, alone] = [mergeObligations(strict, loose), mergeObligations(strict)];
  return both.ok && alone.ok && JSON.stringify(both.value) === JSON.stringify(alone.value);
}

const sorted = ({ route: approved, reasons, approvals, acr, throttle: _, ...rest }: Decision) => ({
  ...rest,
  reasons: [...reasons].sort(),
  acr: acr && { ...acr, values: [...acr.values].sort() },
  approvals: approvals.map(({ layer: _layer, ...demand }) => JSON.stringify(demand)).sort(),
  candidates: approved && [...approved.candidates.keys()],
});
const mirrored = (granted: ApprovalEvidence | null): ApprovalEvidence | null =>
  granted && {
    ...granted,
    granted: granted.granted.map((grant) => ({ ...grant, layer: grant.layer === "cell" ? "tenant" : "cell" })),
  };

describe("combination of the layers", () => {
  it("denies when any layer denies, whatever else is asked, offered or approved", () => {
    fc.assert(
      fc.property(answer, answer, context, (other, deny, where) => {
        const no: LayerAnswer = { ...deny, decision: "DENY" };
        for (const pair of [
          { cell: no, tenant: other },
          { cell: other, tenant: no },
          { cell: no, tenant: null },
        ])
          expect(combine(pair, where)).toMatchObject({ decision: "DENY", obligations: [], approvals: [] });
      }),
      RUNS,
    );
  });

  it("is never looser for a tenant's policy than for none, so that a tenant cannot relax the cell's demands", () => {
    fc.assert(
      fc.property(answer, answer, context, (cell, tenant, where) => {
        const alone = combine({ cell, tenant: null }, where);
        const joined = combine({ cell, tenant }, where);
        expect(strength(joined.decision)).toBeGreaterThanOrEqual(strength(alone.decision));
        if (joined.decision === "DENY") return;
        expect(covers(joined.obligations, alone.obligations)).toBe(true);
        for (const demand of alone.approvals) expect(joined.approvals).toContainEqual(demand);
        expect(joined.limits?.budget_nusd ?? 9).toBeLessThanOrEqual(alone.limits?.budget_nusd ?? 9);
        expect(joined.ttl_s ?? 9).toBeLessThanOrEqual(alone.ttl_s ?? 9);
        for (const value of joined.acr?.values ?? []) if (alone.acr) expect(alone.acr.values).toContain(value);
        if (alone.acr) expect(joined.acr?.max_age_s).toBeLessThanOrEqual(alone.acr.max_age_s ?? 9);
        for (const [id, duties] of joined.route?.candidates ?? []) {
          const before = alone.route?.candidates;
          if (before !== undefined) expect(before.has(id)).toBe(true);
          expect(covers(duties, before?.get(id) ?? alone.obligations)).toBe(true);
        }
        if (alone.route !== undefined) expect(joined.route).toBeDefined();
      }),
      RUNS,
    );
  });

  it("does not depend on which layer says what, but for who approves and whose words come first", () => {
    fc.assert(
      fc.property(answer, answer, context, (a, b, where) => {
        const texts = [...a.obligations, ...b.obligations].filter(({ id }) => id === "disclaimer");
        fc.pre(texts.length === 0);
        const swapped = { ...where, evidence: mirrored(where.evidence) };
        expect(sorted(combine({ cell: b, tenant: a }, swapped))).toEqual(
          sorted(combine({ cell: a, tenant: b }, where)),
        );
      }),
      RUNS,
    );
  });

  it("says nothing new when a tenant repeats the cell's policy, but for its own approval", () => {
    fc.assert(
      fc.property(answer, context, (cell, where) => {
        const grants = where.evidence?.granted.filter(({ layer }) => layer === "cell") ?? [];
        const evidence = where.evidence && {
          ...where.evidence,
          granted: [...grants, ...grants.map((grant) => ({ ...grant, layer: "tenant" as const }))],
        };
        const here = { ...where, evidence };
        const [alone, twice] = [combine({ cell, tenant: null }, here), combine({ cell, tenant: cell }, here)];
        expect({ ...twice, approvals: [] }).toEqual({ ...alone, approvals: [] });
        expect(twice.approvals.filter(({ layer }) => layer === "cell")).toEqual(alone.approvals);
      }),
      RUNS,
    );
  });

  it("never satisfies the cell's approval by what the tenant's approvers granted", () => {
    fc.assert(
      fc.property(answer, fc.option(answer), context, (cell, tenant, where) => {
        const asking: LayerAnswer = { ...cell, decision: "REQUIRE_HITL", acr: undefined };
        const granted = (where.evidence?.granted ?? []).map((grant) => ({ ...grant, layer: "tenant" as const }));
        const { decision } = combine({ cell: asking, tenant }, { ...where, evidence: { digest: "", granted } });
        expect(["ALLOW", "ROUTE"]).not.toContain(decision);
      }),
      RUNS,
    );
  });

  it("goes no further for less evidence or fewer candidates", () => {
    fc.assert(
      fc.property(answer, fc.option(answer), context, (cell, tenant, where) => {
        const full = combine({ cell, tenant }, where);
        const unproven = combine({ cell, tenant }, { ...where, evidence: null });
        expect(strength(unproven.decision)).toBeGreaterThanOrEqual(strength(full.decision));
        const fewer = combine({ cell, tenant }, { ...where, candidates: where.candidates.slice(1) });
        if (where.candidates.length > 1)
          expect(strength(fewer.decision)).toBeGreaterThanOrEqual(strength(full.decision));
        for (const id of fewer.route?.candidates.keys() ?? []) expect(full.route?.candidates.has(id)).toBe(true);
      }),
      RUNS,
    );
  });

  it("uses no candidate that was not offered", () => {
    fc.assert(
      fc.property(answer, fc.option(answer), context, (cell, tenant, where) => {
        const offered = where.candidates.map(({ id }) => id);
        for (const id of combine({ cell, tenant }, where).route?.candidates.keys() ?? []) expect(offered).toContain(id);
      }),
      RUNS,
    );
  });
});

describe("union of obligations", () => {
  it("is the same in any order and said twice, and covers each part", () => {
    fc.assert(
      fc.property(obligations, obligations, (a, b) => {
        const plain = (list: Obligation[]) => list.filter(({ id }) => id !== "disclaimer");
        expect(mergeObligations(plain(b), plain(a))).toEqual(mergeObligations(plain(a), plain(b)));
        const merged = mergeObligations(a, b);
        expect(mergeObligations(b, a).ok).toBe(merged.ok);
        if (!merged.ok) return;
        expect(mergeObligations(merged.value, a, b)).toEqual(merged);
        expect(covers(merged.value, a) && covers(merged.value, b)).toBe(true);
      }),
      RUNS,
    );
  });
});
