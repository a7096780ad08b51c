import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DecisionDocument } from "../../shared/contracts/policy/document.ts";
import { PolicyFacts } from "../../shared/contracts/policy/facts.ts";
import { type PolicyCandidate, PolicyInput } from "../../shared/contracts/policy/input.ts";
import { CHAT, PLAIN_FACTS } from "./cases.ts";
import { brokenQuestions, type Question, questions } from "./generated.ts";
import { askEngine, SHIPPED } from "./opa.ts";

const COUNT = 1_500;
const asked = fc.sample(questions, { numRuns: COUNT, seed: 11 });
const [cell] = SHIPPED;
if (cell === undefined) throw new Error("the cell's policy is missing");
const answers = askEngine(cell, asked, true);

type Document = ReturnType<typeof DecisionDocument.parse>;
interface Passed {
  input: PolicyInput;
  facts: PolicyFacts;
  document: Document;
  usable: readonly PolicyCandidate[];
}

/** The answers that let a call go on, now or after a step-up or an approval, with the candidates that it may use. */
const passed: Passed[] = asked.flatMap((question, at) => {
  const document = DecisionDocument.parse(answers[at]);
  if (document.decision === "DENY") return [];
  const input = PolicyInput.parse(question.input);
  const allow = document.route?.allow;
  const usable = input.candidates.filter(
    ({ id }) => allow === undefined || allow.some(({ candidate }) => candidate === id),
  );
  return [{ input, facts: PolicyFacts.parse(question.facts), document, usable }];
});
const breaches = (isBreach: (call: Passed) => boolean) => passed.filter(isBreach);

describe("the cell's policy over generated calls, judged by what was promised and not by its own rules", () => {
  it("answers documents that the contract knows, so that none is taken for a broken one", () => {
    for (const answer of answers) expect(DecisionDocument.safeParse(answer).success, JSON.stringify(answer)).toBe(true);
    expect(passed.length).toBeGreaterThan(COUNT / 10);
  });

  it("never lets a local-only call leave the cell's own pools", () => {
    const confined = breaches(
      ({ input, facts }) =>
        input.privacy === "local-only" ||
        (input.intent !== null && facts.intents[input.intent]?.privacy === "local-only") ||
        (input.intent !== null && facts.privacy.local_only_intents[input.intent] === true) ||
        (input.classification !== null && facts.privacy.local_only_classifications[input.classification] === true),
    );
    expect(confined.length).toBeGreaterThan(10);
    expect(confined.filter(({ usable }) => usable.some(({ locality }) => locality === "api"))).toEqual([]);
  });

  it("never sends a hybrid call to a provider unredacted", () => {
    const open = breaches(
      ({ input, usable, document }) =>
        input.privacy === "hybrid" &&
        usable.some(({ locality }) => locality === "api") &&
        document.route?.obligations?.some(
          ({ match, obligations }) => match.locality === "api" && obligations.some(({ id }) => id === "redact_input"),
        ) !== true,
    );
    expect(open).toEqual([]);
  });

  it("never uses a pool outside the cell's jurisdiction, nor a provider outside the accepted ones", () => {
    const outside = breaches(({ input, facts, usable }) =>
      usable.some(({ locality, jurisdiction }) => {
        if (jurisdiction === input.cell.jurisdiction) return false;
        if (locality === "local") return true;
        return input.cell.jurisdiction !== "local" && facts.residency.jurisdictions_allow[jurisdiction] !== true;
      }),
    );
    expect(outside).toEqual([]);
  });

  it("never uses a denied provider, or one that is not on both lists", () => {
    const against = breaches(({ facts: { providers, tenant }, usable }) =>
      usable.some(
        ({ provider }) =>
          providers.deny[provider] === true ||
          providers.allow[provider] !== true ||
          tenant.providers_allow[provider] !== true,
      ),
    );
    expect(against).toEqual([]);
  });

  it("never shows a marking that nobody described to a provider", () => {
    const shown = breaches(
      ({ input, facts, usable }) =>
        input.markings.some((marking) => facts.markings[marking] === undefined) &&
        usable.some(({ locality }) => locality === "api"),
    );
    expect(shown).toEqual([]);
  });

  it("never passes another tenant's call, or one that no candidate is left for", () => {
    expect(breaches(({ input }) => input.scopes.tenant !== input.actor.scopes.tenant)).toEqual([]);
    expect(breaches(({ input, usable }) => input.candidates.length > 0 && usable.length === 0)).toEqual([]);
  });
});

describe("the cell's policy over broken calls", () => {
  const key = { ...CHAT, action: "key:write", operation: "keys.create", candidates: [] };
  const admin = { ...key, actor: { ...key.actor, roles: ["admin"] } };

  it("passes no new key that does not say what it may do, so that authority is never granted unseen", () => {
    const asked = [admin, { ...admin, grants: ["developer"] }].map((input) => ({
      input,
      facts: PLAIN_FACTS,
      now_ns: 0,
    }));
    expect(askEngine(cell, asked, true)).toMatchObject([{ decision: "DENY" }, { decision: "ALLOW" }]);
  });

  const broken = fc.sample(brokenQuestions, { numRuns: COUNT, seed: 12 });
  const given = askEngine(cell, broken, true);
  const member = (document: unknown, name: string): unknown =>
    typeof document === "object" && document !== null ? Reflect.get(document, name) : undefined;
  const verb = (at: number) => String(member(given[at], "decision"));
  const passes = (at: number) => ["ALLOW", "ROUTE", "REQUIRE_HITL", "REQUIRE_STEP_UP"].includes(verb(at));
  const lacking = (of: keyof Question, names: readonly string[]) =>
    broken.flatMap((question, at) => (names.some((name) => member(question[of], name) === undefined) ? [at] : []));

  it("passes none that lacks a member which it decides by", () => {
    const needed = Object.entries(PolicyInput.shape).filter(([, schema]) => !schema.isOptional());
    const members = needed.map(([name]) => name).filter((name) => name !== "point" && name !== "resource");
    const without = lacking("input", members);
    expect(without.length).toBeGreaterThan(10);
    expect(without.filter(passes)).toEqual([]);
  });

  it("passes none over facts that lack a part", () => {
    const without = lacking(
      "facts",
      Object.keys(PolicyFacts.shape).filter((name) => name !== "snapshot"),
    );
    expect(without.length).toBeGreaterThan(10);
    expect(without.filter(passes)).toEqual([]);
  });
});
