import { describe, expect, it } from "vitest";
import type { TenantConfig } from "../../shared/contracts/config/snapshot.ts";
import { type Asked, candidatesFor, policyCandidates } from "./candidates.ts";
import { alias, asked, candidate, intent, type Parts, provider, snapshotOf } from "./routing.fixture.ts";

const PARTS: Parts = {
  providers: [provider("own", { locality: "local" }), provider("cloud")],
  candidates: [candidate("own:a"), candidate("cloud:b", { tier: 1 })],
  aliases: [alias("both", ["cloud:b", "own:a"])],
};
const ask = (parts: Partial<Parts>, members: Partial<Asked> = {}, tenant: Partial<TenantConfig> | null = null) =>
  candidatesFor(
    snapshotOf({ ...PARTS, ...parts }),
    // safe because: the router reads these members only
    tenant && ({ aliases: {}, providers_allow: null, ...tenant } as TenantConfig),
    asked({ model: "both", ...members }),
  );

/** Offered ids, and reasons by id. */
function seen(result: ReturnType<typeof candidatesFor>) {
  if (result.ok) {
    const { offers, rejected } = result.value;
    return {
      offers: offers.map((offer) => offer.candidate.id),
      rejected: Object.fromEntries(rejected.map((row) => [row.candidate, row.reason])),
    };
  }
  const rejected =
    "rejected" in result.error
      ? Object.fromEntries(result.error.rejected.map((row) => [row.candidate, row.reason]))
      : {};
  return { offers: [], rejected, refusal: result.error.reason };
}

describe("each reason against a candidate", () => {
  it.each<[reason: string, parts: Partial<Parts>, members: Partial<Asked>, tenant: Partial<TenantConfig> | null]>([
    ["provider_not_configured", { providers: [provider("own", { locality: "local" })] }, {}, null],
    ["provider_denied", { policies: { providers_deny: ["cloud"] } }, {}, null],
    ["provider_not_allowed", { policies: { providers_allow: ["own"] } }, {}, null],
    ["provider_not_allowed_for_tenant", {}, {}, { providers_allow: ["own"] }],
    ["provider_not_in_workspace", {}, { pin: { privacy: null, jurisdictions: null, providers: ["own"] } }, null],
    [
      "jurisdiction_not_in_workspace",
      { providers: [provider("own", { locality: "local" }), provider("cloud", { jurisdiction: "us" })] },
      { pin: { privacy: null, jurisdictions: ["eu"], providers: null } },
      null,
    ],
    ["privacy_local_only", {}, { privacy: "local-only" }, null],
    [
      "privacy_local_only",
      { policies: { local_only_classifications: ["secret"] } },
      { classification: "secret" },
      null,
    ],
    [
      "privacy_local_only",
      { intents: [intent("ocr")], policies: { local_only_intents: ["ocr"] } },
      { intent: "ocr" },
      null,
    ],
    [
      "jurisdiction",
      { providers: [provider("own", { locality: "local" }), provider("cloud", { jurisdiction: "us" })] },
      {},
      null,
    ],
    ["tier_not_allowed", { intents: [intent("quick", { tiers: [0] })] }, { intent: "quick" }, null],
    ["route_not_allowed", { intents: [intent("home", { routes: ["local"] })] }, { intent: "home" }, null],
    [
      "secret_missing",
      { providers: [provider("own", { locality: "local" }), provider("cloud", { secret_missing: true })] },
      {},
      null,
    ],
    [
      "surface_unsupported",
      { candidates: [candidate("own:a"), candidate("cloud:b", { surfaces: ["openai.embeddings"] })] },
      {},
      null,
    ],
    [
      "tools_unsupported",
      { candidates: [candidate("own:a"), candidate("cloud:b", { tools: false })] },
      { features: { tools: true, images: false, structured_output: false } },
      null,
    ],
    [
      "vision_unsupported",
      { candidates: [candidate("own:a"), candidate("cloud:b", { vision: false })] },
      { features: { tools: false, images: true, structured_output: false } },
      null,
    ],
    [
      "structured_output_unsupported",
      { candidates: [candidate("own:a"), candidate("cloud:b", { structured_output: false })] },
      { features: { tools: false, images: false, structured_output: true } },
      null,
    ],
  ])("%s", (reason, parts, members, tenant) => {
    expect(seen(ask(parts, members, tenant))).toEqual({ offers: ["own:a"], rejected: { "cloud:b": reason } });
  });

  it("says jurisdiction of our own pool elsewhere too, so no call leaves the cell's jurisdiction", () => {
    const providers = [provider("own", { locality: "local", jurisdiction: "us" }), provider("cloud")];
    expect(seen(ask({ providers }))).toMatchObject({ offers: ["cloud:b"], rejected: { "own:a": "jurisdiction" } });
  });

  it("accepts a further jurisdiction only where policy lists it, or on a cell of one machine", () => {
    const providers = [provider("own", { locality: "local" }), provider("cloud", { jurisdiction: "us" })];
    expect(seen(ask({ providers, policies: { jurisdictions_allow: ["us"] } })).offers).toEqual(["cloud:b", "own:a"]);
    const local = [
      provider("own", { locality: "local", jurisdiction: "local" }),
      provider("cloud", { jurisdiction: "us" }),
    ];
    expect(seen(ask({ providers: local, jurisdiction: "local" })).offers).toEqual(["cloud:b", "own:a"]);
  });
});

it("takes an empty allow list as none, never as all", () => {
  expect(seen(ask({ policies: { providers_allow: [] } }))).toMatchObject({ offers: [], refusal: "no_candidate" });
  expect(seen(ask({}, {}, { providers_allow: [] }))).toMatchObject({ offers: [], refusal: "no_candidate" });
});

it("uses a tenant's own credential where the cell's secret is missing", () => {
  const providers = [
    provider("own", { locality: "local" }),
    provider("cloud", { secret_missing: true, tenant_credentials: true }),
  ];
  expect(seen(ask({ providers })).rejected).toEqual({ "cloud:b": "secret_missing" });
  expect(seen(ask({ providers }, { tenantCredentials: new Set(["cloud"]) })).offers).toEqual(["cloud:b", "own:a"]);
});

it("names the capability when nothing that may be used has it, so the caller can fix the request", () => {
  const candidates = [candidate("own:a", { vision: false }), candidate("cloud:b")];
  const result = ask(
    { candidates },
    { privacy: "local-only", features: { tools: false, images: true, structured_output: false } },
  );
  expect(result).toMatchObject({ ok: false, error: { reason: "unsupported", capability: "vision_unsupported" } });
});

describe("names", () => {
  it("refuses unknown models and intents, inherited names included", () => {
    for (const model of ["nope", "constructor", "__proto__"])
      expect(ask({}, { model })).toEqual({ ok: false, error: { reason: "unknown_model" } });
    for (const name of ["nope", "toString"])
      expect(ask({}, { intent: name })).toEqual({ ok: false, error: { reason: "unknown_intent" } });
  });

  it("takes the tenant's alias before the cell's", () => {
    const result = ask({}, {}, { aliases: { both: alias("both", ["own:a"]) } });
    expect(seen(result).offers).toEqual(["own:a"]);
  });

  it("resolves auto and intents over all candidates by tier", () => {
    const intents = [intent("quick", { tiers: [1] })];
    expect(seen(ask({}, { model: "auto" })).offers).toEqual(["own:a", "cloud:b"]);
    expect(seen(ask({}, { model: null })).offers).toEqual(["own:a", "cloud:b"]);
    expect(seen(ask({ intents }, { model: "quick" })).offers).toEqual(["cloud:b"]);
    expect(seen(ask({ intents }, { model: "auto", intent: "quick" })).offers).toEqual(["cloud:b"]);
  });

  it("keeps the restrictions of an alias's own intent under another intent, so a header cannot loosen them", () => {
    const intents = [intent("ocr", { privacy: "local-only" }), intent("open")];
    const aliases = [alias("both", ["cloud:b", "own:a"], { intent: "ocr" })];
    const result = ask({ intents, aliases }, { intent: "open" });
    expect(seen(result)).toEqual({ offers: ["own:a"], rejected: { "cloud:b": "privacy_local_only" } });
    expect(result.ok && [result.value.privacy, result.value.intent?.name]).toEqual(["local-only", "open"]);
  });

  it("never lets a stand-in answer for real engines that the router could choose, but honours it by name", () => {
    const parts = {
      providers: [...PARTS.providers, provider("synthetic", { kind: "synthetic", locality: "local" })],
      candidates: [candidate("synthetic:s"), ...PARTS.candidates],
      aliases: [alias("demo", ["synthetic:s", "own:a"])],
    };
    expect(seen(ask(parts, { model: "auto" }))).toEqual({
      offers: ["own:a", "cloud:b"],
      rejected: { "synthetic:s": "synthetic_stand_in" },
    });
    expect(seen(ask(parts, { model: "demo" })).offers).toEqual(["synthetic:s", "own:a"]);
    expect(seen(ask({ ...parts, policies: { providers_deny: ["own", "cloud"] } }, { model: "auto" })).offers).toEqual([
      "synthetic:s",
    ]);
  });
});

it("offers an external provider under hybrid only behind our own pool", () => {
  expect(seen(ask({}, { privacy: "hybrid" })).offers).toEqual(["cloud:b", "own:a"]);
  const providers = [provider("cloud")];
  expect(seen(ask({ providers }, { privacy: "hybrid" }))).toMatchObject({
    offers: [],
    rejected: { "cloud:b": "no_local_first" },
    refusal: "no_candidate",
  });
});

it("shows policy the provider's locality and jurisdiction of each candidate", () => {
  const result = ask({});
  expect(result.ok && policyCandidates(result.value)).toEqual([
    { id: "cloud:b", alias: "both", provider: "cloud", model: "b", tier: 1, locality: "api", jurisdiction: "eu" },
    { id: "own:a", alias: "both", provider: "own", model: "a", tier: 0, locality: "local", jurisdiction: "eu" },
  ]);
});
