import { POLICY_DEFAULTS, RATE_DEFAULTS } from "../../shared/contracts/config/defaults.ts";
import type {
  Alias,
  Candidate,
  IntentConfig,
  ProviderConfig,
  Snapshot,
} from "../../shared/contracts/config/snapshot.ts";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import type { Asked } from "./candidates.ts";

export const provider = (name: string, members: Partial<ProviderConfig> = {}): ProviderConfig => ({
  name,
  kind: "openai",
  base_url: "https://api.example.com/v1",
  secret: null,
  tenant_credentials: false,
  locality: "api",
  jurisdiction: "eu",
  dialects: null,
  api_version: null,
  connect_timeout_ms: 1_000,
  try_timeout_ms: 1_000,
  idle_timeout_ms: 1_000,
  breaker: { failures: 3, cooldown_ms: 1_000 },
  synthetic: null,
  ...members,
});

export const candidate = (id: string, members: Partial<Candidate> = {}): Candidate => ({
  id,
  provider: id.split(":")[0] ?? "",
  model: id.split(":")[1] ?? "",
  tier: 0,
  lane: "direct",
  surfaces: ["openai.chat"],
  tools: true,
  vision: true,
  structured_output: true,
  context_tokens: 100_000,
  output_tokens_max: 8_000,
  reserve_output_tokens: 1_000,
  image_tokens: 500,
  prices: {},
  weight: 1,
  ...members,
});

export const alias = (name: string, candidates: string[], members: Partial<Alias> = {}): Alias => ({
  name,
  intent: null,
  candidates,
  strategy: "ordered",
  owned_by: "bailiwick",
  ...members,
});

export const intent = (name: string, members: Partial<IntentConfig> = {}): IntentConfig => ({
  name,
  default_route: "auto",
  routes: ["local", "api", "hybrid"],
  privacy: "allow-api",
  tiers: [0, 1, 2],
  vector_usage: false,
  ...members,
});

const byName = <T extends { name: string }>(rows: readonly T[]): Record<string, T> =>
  Object.fromEntries(rows.map((row) => [row.name, row]));

export interface Parts {
  providers: ProviderConfig[];
  candidates: Candidate[];
  aliases?: Alias[];
  intents?: IntentConfig[];
  policies?: Partial<Snapshot["policies"]>;
  jurisdiction?: string;
}

export const snapshotOf = ({
  providers,
  candidates,
  aliases = [],
  intents = [],
  policies = {},
  jurisdiction = "eu",
}: Parts): Snapshot => ({
  schema_version: 1,
  digest: "sha256:test",
  cell: { id: "eu1", jurisdiction },
  providers: byName(providers),
  candidates: Object.fromEntries(candidates.map((row) => [row.id, row])),
  aliases: byName(aliases),
  intents: byName(intents),
  tenants: {},
  policies: { ...POLICY_DEFAULTS, ...policies },
  rates: RATE_DEFAULTS,
  modules: [],
  warnings: [],
});

export const asked = (members: Partial<Asked> = {}): Asked => ({
  model: null,
  intent: null,
  surface: "openai.chat",
  features: { tools: false, images: false, structured_output: false },
  privacy: "allow-api",
  classification: null,
  tenantCredentials: new Set(),
  ...members,
});

/** A clock that the test moves. */
export function testClock() {
  let ms = 1_700_000_000_000;
  return {
    now: () => ms as UnixMs, // safe because: a test's own time
    pass: (by: number) => {
      ms += by;
    },
  };
}
