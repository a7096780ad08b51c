import { BUNDLE_KEYS_YAML } from "./policy-bundle.ts";

/** Tenants that may have policies of their own; each is changed by one suite or one test alone. */
export const POLICY_TENANTS = {
  rows: "policyrows",
  first: "policyfirst",
  lifecycle: "policylife",
  canary: "policycanary",
  refused: "policyrefused",
  locked: "policylocked",
  simulated: "policysim",
  obliged: "policyobliged",
  approvals: "policyapprovals",
  approvalShapes: "policyshapes",
  asked: "policyasked",
  results: "policyresults",
  lists: "policylists",
  expiring: "policyexpiring",
} as const;

/** Rules of single tenants. */
const RULES: Readonly<Record<string, string>> = {
  [POLICY_TENANTS.lists]:
    ", restrictions: [{ id: hidden, when: { action: ['budget:read'], workspace: [hidden] }, deny: true }]",
};

/** What a test may put into place of the standard files; a name that is absent keeps the standard one. */
export type ConfigFiles = Partial<Record<"providers.yml" | "models.yml" | "policies.yml" | "tenants.yml", string>>;

/** Price of the models behind the test upstream: 1,000 and 2,000 nano-dollars a token. */
export const PRICES = { input_nusd: 1_000, output_nusd: 2_000 } as const;

const CAPABLE = "capabilities: [chat, completions, tools, vision, structured_output]";
const upstreamModels = [
  "echo",
  "slow",
  "paced",
  "late",
  "endless",
  "flood",
  "held",
  "midstream",
  "other-model",
  "no-usage",
  "garbage",
  "status-400",
  "status-401",
  "status-429",
  "status-500",
  "quoting-400",
  "quoting-500",
];

/** Configuration of a cell under test: no rate gets in the way, and every engine failure has a name. */
export function testConfig(upstream: { local: string; api?: string }): Record<string, string> {
  const surfaces = "[openai.chat, openai.completions, openai.embeddings]";
  const models = upstreamModels.map(
    (name) => `  ${name}: { provider: upstream, model: ${name}, prices: { input: "1", output: "2" }, ${CAPABLE} }`,
  );
  return {
    "providers.yml": `
providers:
  upstream: { kind: openai, base_url: "${upstream.local}", locality: local, dialects: ${surfaces}, secret: "env:TEST_UPSTREAM_KEY", breaker: { failures: 1000 } }
  spare: { kind: openai, base_url: "${upstream.local}", locality: local, dialects: ${surfaces}, breaker: { failures: 1000 } }
  openai: { kind: openai, base_url: "${upstream.local}", locality: local, dialects: ${surfaces}, tenant_credentials: true }
  keyless: { kind: openai, base_url: "${upstream.local}", locality: local, dialects: ${surfaces}, secret: "env:TEST_ABSENT_KEY", optional: true }
  pool: { kind: pool, pool: local, stand_in: true }
  unheard: { kind: pool, pool: unheard }
  synthetic: { kind: synthetic, synthetic: { tokens_per_s: 5000 } }
  synthetic-midstream: { kind: synthetic, synthetic: { tokens_per_s: 5000, fail: midstream } }
  synthetic-failed: { kind: synthetic, synthetic: { fail: failed } }
  synthetic-unreachable: { kind: synthetic, synthetic: { fail: unreachable } }
  synthetic-overloaded: { kind: synthetic, synthetic: { fail: overloaded }, breaker: { failures: 1000 } }
  synthetic-gone: { kind: synthetic, synthetic: { fail: unreachable }, breaker: { failures: 2 } }
${upstream.api === undefined ? "" : `  remote: { kind: openai, base_url: "${upstream.api}", locality: api, jurisdiction: local, dialects: ${surfaces} }`}
`,
    "models.yml": `
models:
  keyless: { provider: keyless, model: echo, prices: none }
  dear: { provider: upstream, model: dear, prices: { input: "10", output: "60" } }
  ruinous: { provider: upstream, model: ruinous, prices: { input: "10", output: "5000" } }
  embed: { provider: upstream, model: embed, prices: { input: "1" }, capabilities: [embeddings] }
${models.join("\n")}
  small: { provider: upstream, model: echo, prices: { input: "1", output: "2" }, ${CAPABLE} }
  embedding: { provider: upstream, model: embed, prices: { input: "1" }, capabilities: [embeddings] }
  tensors: { provider: synthetic, model: identity, prices: { step: "0.00001", point: "0.000000001" }, capabilities: [predict] }
  failing-tensors: { provider: synthetic-failed, model: identity, prices: none, capabilities: [predict] }
  versioned:
    candidates:
      - { provider: synthetic, model: identity@1, prices: { step: "0.00001" }, capabilities: [predict] }
      - provider: synthetic
        model: identity@2
        prices: { step: "0.00002" }
        capabilities: [predict]
        tensors: { inputs: [{ name: x, datatype: FP32, shape: [-1, 2] }], outputs: [{ name: x, datatype: FP32, shape: [-1, 2] }] }
  unheard: { provider: unheard, model: identity, prices: none, capabilities: [predict] }
  queued-tensors: { provider: pool, model: identity, prices: { step: "0.00001", point: "0.000000001" }, capabilities: [predict] }
  queued: { provider: pool, model: echo, prices: { input: "1", output: "2" } }
  synthetic: { provider: synthetic, model: synthetic-1 }
  broken: { provider: synthetic-midstream, model: synthetic-1 }
  failing: { provider: synthetic-failed, model: synthetic-1 }
  unreachable-only: { provider: synthetic-gone, model: synthetic-1 }
  overloaded-first:
    strategy: ordered
    candidates:
      - { provider: synthetic-overloaded, model: synthetic-1 }
      - { provider: spare, model: echo, prices: { input: "1", output: "2" } }
  queued-first: { strategy: ordered, candidates: ["pool:echo", "spare:echo"] }
  fallback:
    strategy: ordered
    candidates:
      - { provider: synthetic-unreachable, model: synthetic-1 }
      - { provider: spare, model: echo, prices: { input: "1", output: "2" } }
${
  upstream.api === undefined
    ? ""
    : `  remote: { provider: remote, model: echo, prices: { input: "1", output: "2" } }
  hybrid:
    strategy: ordered
    candidates:
      - "synthetic-unreachable:synthetic-1"
      - "remote:echo"`
}
`,
    "policies.yml": `
privacy: { local_only_classifications: [restricted] }
markings: { PARTNER: {}, HERE: { local_only: true } }
budget: { default_usd: 0.02, hard_cap_usd: 0.20 }
routing: { fallback_order: [local, api, hybrid] }
rates:
  key: { per_minute: 1000000, burst: 1000000 }
  user: null
  preauth_per_minute: 1000000
`,
    "tenants.yml": `
tenants:
  default: { privacy: allow-api, content: store }
  labelled: { classification: confidential, markings: [PARTNER], purposes: { allowed: [support], default: support } }
  slowlane: { rates: { key: { per_minute: 1, burst: 3 } } }
${Object.values(POLICY_TENANTS)
  .map((id) => `  ${id}: { privacy: allow-api, bundle_keys: ${BUNDLE_KEYS_YAML}${RULES[id] ?? ""} }`)
  .join("\n")}
`,
  };
}
