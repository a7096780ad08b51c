import { describe, expect, it } from "vitest";
import { describeProblem } from "../../shared/contracts/config/problem.ts";
import type { Snapshot } from "../../shared/contracts/config/snapshot.ts";
import type { JsonObject, JsonValue } from "../../shared/contracts/json.ts";
import { compileSnapshot } from "./compile.ts";
import { snapshotCompiler } from "./compiler.ts";

const cell = { id: "eu1", jurisdiction: "eu" };
const PROVIDERS = {
  providers: {
    own: { kind: "openai", base_url: "http://10.0.0.1:8000/v1", locality: "local" },
    cloud: { kind: "openai", base_url: "https://api.example.com/v1", secret: "env:CLOUD_KEY", jurisdiction: "eu" },
  },
};
const MODELS = {
  models: {
    fast: { provider: "cloud", model: "fast-1", prices: { input: 0.15, output: 0.6, cached_input: 0.0125 } },
    home: { provider: "own", model: "llama", tier: 0 },
  },
};
const INTENTS = {
  ocr: {
    default_route: "local",
    candidates: ["local"],
    privacy: "local-only",
    tiers_allowed: ["tier0"],
    vector_usage: false,
  },
};
const GOOD: JsonObject = { "providers.yml": PROVIDERS, "models.yml": MODELS, "intents.yml": INTENTS };

const compile = (files: JsonObject, present = true) => compileSnapshot(files, cell, () => present);
function good(files: JsonObject, present = true): Snapshot {
  const compiled = compile(files, present);
  if (!compiled.ok) throw new Error(compiled.error.map(describeProblem).join("\n"));
  return compiled.value;
}
function problems(files: JsonObject): string[] {
  const compiled = compile(files);
  return compiled.ok ? [] : compiled.error.map(describeProblem);
}
const withFile = (name: string, content: JsonValue): JsonObject => ({ ...GOOD, [name]: content });
const provider = (members: JsonObject): JsonObject =>
  withFile("providers.yml", {
    providers: { ...PROVIDERS.providers, extra: { kind: "openai", base_url: "https://api.example.com", ...members } },
  });
const model = (members: JsonValue): JsonObject =>
  withFile("models.yml", { ...MODELS, models: { ...MODELS.models, extra: members } });

describe("a good configuration", () => {
  it("turns USD per million tokens into exact nano-dollars per token, so no bill drifts by rounding", () => {
    expect(good(GOOD).candidates["cloud:fast-1"]?.prices).toEqual({
      tokens_in: 150,
      tokens_out: 600,
      tokens_cached: 12.5,
    });
  });

  it("charges cached tokens as input while their price is unknown, so a hold is never too small", () => {
    const { candidates } = good(model({ provider: "cloud", model: "m", prices: { input: 2, output: "8.000001" } }));
    expect(candidates["cloud:m"]?.prices).toEqual({ tokens_in: 2_000, tokens_cached: 2_000, tokens_out: 8000.001 });
  });

  it("has one digest whatever the order of members, and another for any change", () => {
    const reordered: JsonObject = { "intents.yml": INTENTS, "models.yml": MODELS, "providers.yml": PROVIDERS };
    const digest = good(GOOD).digest;
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(good(reordered).digest).toBe(digest);
    expect(good(withFile("policies.yml", { providers: { deny: ["cloud"] } })).digest).not.toBe(digest);
  });

  it("is frozen to its leaves, so no request can change what another sees", () => {
    const snapshot = good(GOOD);
    expect(Object.isFrozen(snapshot.providers.own?.breaker)).toBe(true);
    expect(() => Object.assign(snapshot.candidates, { x: null })).toThrow(TypeError);
  });

  it("has no inherited names, so a model called constructor finds nothing", () => {
    expect(good(GOOD).aliases.constructor).toBeUndefined();
    expect(good(GOOD).tenants.toString).toBeUndefined();
  });

  it("marks a missing secret and warns, but stays quiet for an optional provider", () => {
    const snapshot = good(GOOD, false);
    expect(snapshot.providers.cloud?.secret_missing).toBe(true);
    expect(snapshot.warnings).toEqual([
      "providers.yml: providers.cloud: the secret env:CLOUD_KEY is missing; its models cannot be chosen",
    ]);
    const quiet = { providers: { ...PROVIDERS.providers, cloud: { ...PROVIDERS.providers.cloud, optional: true } } };
    expect(good(withFile("providers.yml", quiet), false).warnings).toEqual([]);
  });

  it("keeps a reference to a provider that is not configured, with a warning", () => {
    const snapshot = good(withFile("models.yml", { tiers: { tier1: { cloud: ["hf:mistral-large"] } } }));
    expect(snapshot.candidates["hf:mistral-large"]).toMatchObject({ tier: 1, prices_assumed: true });
    expect(snapshot.warnings.join()).toContain("provider hf is not configured");
  });

  it("assumes dear prices for a tier reference without prices and says so, so budgets err on the safe side", () => {
    const snapshot = good(withFile("models.yml", { tiers: { tier1: { cloud: ["cloud:fast-1"] } } }));
    expect(snapshot.candidates["cloud:fast-1"]).toMatchObject({
      prices: { tokens_in: 3_000, tokens_out: 15_000 },
      prices_assumed: true,
    });
    expect(snapshot.warnings.join()).toContain("cloud:fast-1 states no prices");
  });

  it("gives the rates, budgets and one tenant of the defaults when their files are absent", () => {
    const snapshot = good({});
    expect(snapshot.rates).toMatchObject({ key: { per_minute: 60, burst: 120 }, preauth_per_minute: 120 });
    expect(snapshot.policies).toMatchObject({
      task_budget_default_nusd: 20_000_000,
      task_budget_hard_cap_nusd: 200_000_000,
    });
    expect(Object.keys(snapshot.tenants)).toEqual(["default"]);
  });

  it("keeps an empty allow list apart from no list: empty allows none", () => {
    expect(good(withFile("policies.yml", { providers: { allow: [] } })).policies.providers_allow).toEqual([]);
    expect(good(GOOD).policies.providers_allow).toBeNull();
  });

  it("leaves a provider out while the variable of its base URL is not set, and digests the value when it is", () => {
    const files = provider({ base_url: "env:EXTRA_URL", jurisdiction: "eu" });
    const under = (value: string | null) => {
      const compiled = snapshotCompiler({ cell, secretsPresent: () => true, variable: () => value })(files);
      if (!compiled.ok) throw new Error(compiled.error.map(describeProblem).join("\n"));
      return compiled.value.snapshot;
    };
    expect(under(null).providers.extra).toBeUndefined();
    expect(under("https://one.example.com/v1/").providers.extra?.base_url).toBe("https://one.example.com/v1");
    expect(under("https://one.example.com").digest).not.toBe(under("https://two.example.com").digest);
  });
});

describe("a mistake is named with its file and path", () => {
  const tenant = (members: JsonObject): JsonObject => withFile("tenants.yml", { tenants: { acme: members } });
  const issuer = { issuer: "https://id.example.com", audiences: ["cell"] };
  const cases: [what: string, files: JsonObject, expected: string | RegExp][] = [
    ["a provider kind", provider({ kind: "magic" }), /^providers\.yml: providers\.extra\.kind: /],
    ["an unknown member", provider({ bse_url: "x" }), "providers.yml: providers.extra.bse_url: is not known here"],
    [
      "a name",
      withFile("providers.yml", { providers: { Extra: {} } }),
      /^providers\.yml: providers\.Extra: this name is not accepted/,
    ],
    ["plain http to the world", provider({ base_url: "http://api.example.com" }), /base_url: https only/],
    ["a password in a URL", provider({ base_url: "https://u:p@api.example.com" }), /without user name and password/],
    [
      "no base URL",
      withFile("providers.yml", { providers: { x: { kind: "anthropic" } } }),
      /providers\.x\.base_url: is missing/,
    ],
    ["no API version", provider({ kind: "azure-openai" }), /providers\.extra\.api_version: is missing/],
    [
      "a synthetic engine elsewhere",
      withFile("providers.yml", { providers: { s: { kind: "synthetic", locality: "api" } } }),
      /providers\.s\.locality/,
    ],
    [
      "a literal secret",
      provider({ secret: "hunter2" }),
      /providers\.extra\.secret: a secret is named, never written here/,
    ],
    ["a relative secret file", provider({ secret: "file:../key" }), /providers\.extra\.secret/],
    [
      "a member for secrets",
      provider({ api_key: "hunter2" }),
      /providers\.extra\.api_key: secrets are not written here/,
    ],
    ["a timeout", provider({ idle_timeout_ms: 0 }), /providers\.extra\.idle_timeout_ms/],
    ["no prices", model({ provider: "cloud", model: "m" }), /^models\.yml: models\.extra\.prices: are missing/],
    [
      "no output price",
      model({ provider: "cloud", model: "m", prices: { input: 1 } }),
      /models\.extra\.prices\.output: is missing/,
    ],
    [
      "a price",
      model({ provider: "cloud", model: "m", prices: { input: -1, output: 1 } }),
      /models\.extra\.prices\.input: an amount in USD/,
    ],
    [
      "a price without a plain form",
      model({ provider: "cloud", model: "m", prices: { input: 1e-7, output: 1 } }),
      /prices\.input: .*quote it/,
    ],
    ["no candidates", model({}), /models\.extra: give `provider` and `model`/],
    ["both forms", model({ provider: "own", model: "m", candidates: ["own:llama"] }), /models\.extra: .*not both/],
    [
      "facts beside the list",
      model({ tier: 1, candidates: ["own:llama"] }),
      /models\.extra: `tier` belongs to each candidate/,
    ],
    [
      "an undeclared candidate",
      model({ candidates: ["own:other"] }),
      "models.yml: models.extra.candidates[0]: own:other is declared neither under tiers nor by another model",
    ],
    [
      "a candidate twice",
      model({ candidates: ["own:llama", "own:llama"] }),
      /candidates\[1\]: own:llama is listed twice/,
    ],
    [
      "a mistake inside a candidate",
      model({ candidates: [{ provider: "own", model: "x", tier: 7 }] }),
      /models\.extra\.candidates\[0\]\.tier: expected 0, 1 or 2/,
    ],
    [
      "other facts for one candidate",
      model({ provider: "own", model: "llama", tier: 1 }),
      /models\.extra: own:llama is declared twice/,
    ],
    [
      "an alias of an unknown intent",
      model({ candidates: ["own:llama"], intent: "nope" }),
      /models\.extra\.intent: there is no intent nope/,
    ],
    [
      "an alias named auto",
      withFile("models.yml", { models: { auto: { provider: "own", model: "x" } } }),
      /models\.auto: this name is taken/,
    ],
    [
      "an alias named like an intent",
      withFile("models.yml", { models: { ocr: { provider: "own", model: "x" } } }),
      /models\.ocr: an intent has this name/,
    ],
    [
      "an API provider among local tiers",
      withFile("models.yml", { tiers: { tier0: { local: ["cloud:x"] } } }),
      /tiers\.tier0\.local\[0\]: cloud:x is listed under local, but the provider cloud is api/,
    ],
    [
      "two tiers",
      withFile("models.yml", { tiers: { tier0: { local: ["own:a"] }, tier1: { local: ["own:a"] } } }),
      /tiers\.tier1\.local\[0\]: own:a is listed twice/,
    ],
    [
      "a tier that differs",
      withFile("models.yml", {
        tiers: { tier0: { local: ["own:a"] } },
        models: { a: { provider: "own", model: "a", tier: 2 } },
      }),
      /models\.a\.tier: own:a is tier 2 here/,
    ],
    [
      "a reference",
      withFile("models.yml", { tiers: { tier0: { local: ["nocolon"] } } }),
      /tiers\.tier0\.local\[0\]: a reference of the form/,
    ],
    [
      "more output than context",
      model({ provider: "own", model: "m", context_tokens: 10, output_tokens_max: 20 }),
      /models\.extra\.output_tokens_max/,
    ],
    [
      "embeddings from a chat-only engine",
      withFile("models.yml", { models: { e: { provider: "own", model: "e", capabilities: ["tools"] } } }),
      /models\.e\.capabilities: names nothing/,
    ],
    [
      "a route",
      withFile("intents.yml", { x: { ...INTENTS.ocr, default_route: "api" } }),
      /^intents\.yml: x\.default_route: api is not among/,
    ],
    [
      "an intent that can never run",
      withFile("intents.yml", { x: { ...INTENTS.ocr, default_route: "api", candidates: ["api"] } }),
      /x\.candidates: api alone can never run/,
    ],
    [
      "a privacy mode",
      withFile("intents.yml", { x: { ...INTENTS.ocr, privacy: "open" } }),
      /^intents\.yml: x\.privacy/,
    ],
    [
      "a local-only intent that is not there",
      withFile("policies.yml", { privacy: { local_only_intents: ["nope"] } }),
      "policies.yml: privacy.local_only_intents[0]: there is no intent nope",
    ],
    [
      "a default above the cap",
      withFile("policies.yml", { budget: { default_usd: 1, hard_cap_usd: "0.5" } }),
      /budget\.default_usd: is more than the hard cap of 0\.5 USD/,
    ],
    [
      "an amount",
      withFile("policies.yml", { budget: { default_usd: "cheap" } }),
      /^policies\.yml: budget\.default_usd: a dollar amount/,
    ],
    [
      "a route named twice",
      withFile("policies.yml", { routing: { fallback_order: ["api", "api"] } }),
      /routing\.fallback_order: names a route twice/,
    ],
    [
      "a module reference without version",
      withFile("modules.yml", { modules: [{ name: "a", ref: "images.example.com/a", runtime: "wasm" }] }),
      /^modules\.yml: modules\[0\]\.ref: an OCI reference/,
    ],
    [
      "a tenant id",
      withFile("tenants.yml", { tenants: { "a-b": {} } }),
      /^tenants\.yml: tenants\.a-b: this name is not accepted/,
    ],
    [
      "a tenant's alias",
      tenant({ aliases: { mine: { candidates: ["own:nope"] } } }),
      /tenants\.acme\.aliases\.mine\.candidates\[0\]: own:nope is declared neither/,
    ],
    [
      "a budget of no workspace",
      tenant({ budgets: [{ workspace: "lab", period: "day", limit_usd: 1 }] }),
      /budgets\[0\]\.workspace: there is no workspace lab/,
    ],
    [
      "a shared-secret algorithm",
      tenant({ issuers: [{ ...issuer, algorithms: ["HS256"] }] }),
      /issuers\[0\]\.algorithms\[0\]/,
    ],
    [
      "an issuer over http",
      tenant({ issuers: [{ ...issuer, issuer: "http://id.example.com" }] }),
      /issuers\[0\]\.issuer: https only/,
    ],
    [
      "one issuer for two tenants",
      withFile("tenants.yml", { tenants: { a: { issuers: [issuer] }, b: { issuers: [issuer] } } }),
      /tenants\.b\.issuers\[0\]: .*belong to the tenant a/,
    ],
    [
      "a lone surrogate",
      withFile("tenants.yml", { tenants: { a: { name: "\ud800" } } }),
      /tenants\.a\.name: text with a lone surrogate/,
    ],
    [
      "a member that changes prototypes",
      withFile("tenants.yml", JSON.parse('{"tenants":{"constructor":{}}}')),
      /tenants\.constructor: a member of this name/,
    ],
    ["a file that is no map", withFile("models.yml", ["x"]), /^models\.yml: /],
  ];
  it.each(cases)("%s", (_what, files, expected) => {
    const found = problems(files);
    expect(found).toEqual(
      expect.arrayContaining([typeof expected === "string" ? expected : expect.stringMatching(expected)]),
    );
  });

  it("names every mistake of every file at once, so one repair round is enough", () => {
    const found = problems({
      "providers.yml": { providers: { x: { kind: "magic" }, y: { kind: "openai" } } },
      "models.yml": { models: { m: { candidates: ["own:nope"] } } },
      "policies.yml": { budget: { default_usd: 1 }, privacy: { local_only_intents: ["gone"] } },
      "tenants.yml": { tenants: { acme: { content: "all" } } },
    });
    for (const start of [
      "providers.yml: providers.x.kind",
      "models.yml: models.m.candidates[0]",
      "policies.yml: budget.default_usd",
      "policies.yml: privacy.local_only_intents[0]",
      "tenants.yml: tenants.acme.content",
    ])
      expect(found.filter((line) => line.startsWith(start))).toHaveLength(1);
  });

  it("never repeats what looks like a secret, wherever it stands", () => {
    const canary = "sk-canary0123456789abcdefghij";
    for (const files of [
      provider({ secret: canary }),
      provider({ [canary]: 1 }),
      provider({ kind: canary }),
      withFile("tenants.yml", { tenants: { acme: { name: canary } } }),
      withFile("models.yml", { models: { [canary]: { provider: "own", model: "x", tier: 9 } } }),
    ]) {
      const found = problems(files);
      expect(found.length).toBeGreaterThan(0);
      expect(found.join("\n")).not.toContain(canary);
    }
  });
});
