import { describe, expect, it } from "vitest";
import { describeProblem } from "../../shared/contracts/config/problem.ts";
import type { Snapshot } from "../../shared/contracts/config/snapshot.ts";
import type { JsonObject } from "../../shared/contracts/json.ts";
import { PolicyFacts } from "../../shared/contracts/policy/facts.ts";
import { compileSnapshot } from "./compile.ts";
import { policyFacts } from "./policy-facts.ts";

const compile = (files: JsonObject) => compileSnapshot(files, { id: "eu1", jurisdiction: "eu" }, () => true);
function good(files: JsonObject): Snapshot {
  const compiled = compile(files);
  if (!compiled.ok) throw new Error(compiled.error.map(describeProblem).join("\n"));
  return compiled.value;
}
const problems = (policies: JsonObject): string => {
  const compiled = compile({ "policies.yml": policies });
  return compiled.ok ? "" : compiled.error.map(describeProblem).join("\n");
};

const POLICIES = {
  privacy: { local_only_intents: ["ocr"], local_only_classifications: ["restricted"] },
  providers: { deny: ["bad"], allow: [] },
  routing: { jurisdictions_allow: ["us"] },
  markings: { "REL-EU": { jurisdictions: ["eu"] }, SECRET: { local_only: true, providers: [] } },
  restrictions: [{ id: "night", when: { environment: ["production"], actor_kind: ["user"] }, deny: true }],
  data_loss: {
    detectors: { secrets: { effect: "deny" }, jwt: { effect: "redact", leaving_only: true } },
    output: ["email"],
  },
  high_risk: {
    actions: { "tenant:delete": { approval: { approvers: 2 } }, "keys.rotate": { step_up: true } },
    acr_values: ["phr"],
  },
} satisfies JsonObject;
const FILES: JsonObject = {
  "policies.yml": POLICIES,
  "intents.yml": {
    ocr: {
      candidates: ["local", "hybrid"],
      privacy: "hybrid",
      tiers_allowed: ["tier0", "tier2"],
      purposes: { allowed: ["billing"] },
      limits: { budget_usd: "0.05", output_tokens_max: 200 },
    },
  },
  "tenants.yml": {
    tenants: {
      a: {
        providers_allow: ["pool"],
        markings_allow: ["REL-EU"],
        purposes: { allowed: ["support"] },
        restrictions: [{ id: "small", when: { intent: ["ocr"] }, only: { tier: [0], locality: ["local"] } }],
      },
      b: { markings_allow: [], restrictions: [{ id: "others-secret", when: {}, deny: true }] },
    },
  },
};

describe("the facts that policies decide by", () => {
  it("are the configuration as its schema has it, so that a policy never finds a member missing", () => {
    const snapshot = good(FILES);
    const facts = policyFacts(snapshot, "a");
    expect(PolicyFacts.parse(facts)).toEqual(facts);
    expect(facts).toMatchObject({
      snapshot: snapshot.digest,
      residency: { jurisdictions_allow: { us: true } },
      providers: { deny: { bad: true }, allow: {} },
      privacy: { local_only_intents: { ocr: true }, local_only_classifications: { restricted: true } },
      intents: {
        ocr: {
          privacy: "hybrid",
          routes: { local: true, hybrid: true },
          tiers: [true, false, true],
          purposes: { billing: true },
          limits: { budget_nusd: 50_000_000, output_tokens_max: 200 },
        },
      },
      markings: {
        "REL-EU": { local_only: false, jurisdictions: { eu: true }, providers: null },
        SECRET: { local_only: true, jurisdictions: null, providers: {} },
      },
      high_risk: {
        actions: {
          "tenant:delete": { approval: { approvers: 2, role: "approver", edit: false }, step_up: false },
          "keys.rotate": { approval: null, step_up: true },
        },
        acr_values: ["phr"],
      },
      tenant: { id: "a", providers_allow: { pool: true }, purposes: { support: true }, markings: { "REL-EU": true } },
    });
  });

  it("hold the cell's restrictions and the tenant's own, and nothing of another tenant's", () => {
    const snapshot = good(FILES);
    const ids = (tenant: string) => policyFacts(snapshot, tenant).restrictions.map(({ id }) => id);
    expect([ids("a"), ids("b"), ids("unheard-of")]).toEqual([
      ["night", "small"],
      ["night", "others-secret"],
      ["night"],
    ]);
    expect(JSON.stringify(policyFacts(snapshot, "a"))).not.toContain("others-secret");
    expect(policyFacts(snapshot, "a").restrictions[1]).toEqual({
      id: "small",
      when: { intent: { ocr: true } },
      deny: false,
      only: { tier: { 0: true }, locality: { local: true } },
    });
  });

  it("tell none apart from not stated, so that an empty list is not taken for everything", () => {
    const snapshot = good(FILES);
    const everybody = Object.fromEntries(Object.keys(snapshot.providers).map((name) => [name, true]));
    expect(policyFacts(snapshot, "b").tenant).toMatchObject({ providers_allow: everybody, markings: {} });
    expect(
      policyFacts(
        good({
          "providers.yml": { providers: { pool: { kind: "synthetic", locality: "local", jurisdiction: "eu" } } },
        }),
        "default",
      ).providers,
    ).toEqual({
      deny: {},
      allow: { pool: true },
    });
    expect(PolicyFacts.safeParse(policyFacts(good({}), "constructor")).success).toBe(true);
  });

  it("name detectors one by one, and one that is named itself keeps its own entry", () => {
    const { data_loss } = policyFacts(good(FILES), "a");
    expect(data_loss.detectors.jwt).toEqual({ effect: "redact", leaving_only: true });
    expect(data_loss.detectors["api-key"]).toEqual({ effect: "deny", leaving_only: false });
    expect(data_loss.detectors.email).toBeUndefined();
    expect(data_loss.output).toEqual(["email"]);
  });
});

describe("rules that protect nobody are refused", () => {
  it.each([
    [{ data_loss: { detectors: { emial: { effect: "deny" } } } }, "there is no detector emial"],
    [{ data_loss: { output: ["emial"] } }, "there is no detector emial"],
    [{ restrictions: [{ id: "x", when: {} }] }, "give either"],
    [{ restrictions: [{ id: "x", deny: true, only: { tier: [0] } }] }, "give either"],
    [{ restrictions: [{ id: "x", only: {} }] }, "give either"],
    [{ restrictions: [POLICIES.restrictions[0] ?? {}, POLICIES.restrictions[0] ?? {}] }, "night is there twice"],
    [{ high_risk: { actions: { "keys.rotate": { step_up: true } } } }, "a step-up needs values"],
    [{ high_risk: { actions: { Delete: {} } } }, "an action such as"],
    [{ high_risk: { acr_values: ['a"b'] } }, "high_risk.acr_values[0]"],
  ] as [JsonObject, string][])("%j", (policies, message) => {
    expect(problems(policies)).toContain(message);
  });
});
