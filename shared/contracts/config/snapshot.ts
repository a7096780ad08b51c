import type { Role } from "../actor.ts";
import type { PrivacyMode } from "../decision.ts";
import type { DeclaredTensor } from "../http/tensor-models.ts";
import type { NanoUsd } from "../ids.ts";
import type { JsonObject } from "../json.ts";
import type { PolicyFacts, Restriction } from "../policy/facts.ts";
import type { Classification } from "../policy/labels.ts";
import type { Dialect } from "../ports/engine.ts";
import type { Prices } from "../usage.ts";
import type { BundleAlgorithm } from "./bundles.ts";

/** Where a secret is read from; the value itself never stands in configuration. */
export interface SecretRef {
  source: "env" | "file";
  name: string;
}

export const ENGINE_KINDS = ["openai", "azure-openai", "anthropic", "synthetic", "pool", "oip"] as const;
export type EngineKind = (typeof ENGINE_KINDS)[number];
export const STRATEGIES = ["ordered", "weighted", "least-latency", "cost"] as const;
export type Strategy = (typeof STRATEGIES)[number];

export interface ProviderConfig {
  name: string;
  kind: EngineKind;
  base_url: string | null;
  secret: SecretRef | null;
  /** The secret's variable or file was absent at activation; only tenants' own credentials can open this provider. */
  secret_missing?: boolean;
  /** Tenants' own credentials for this provider are used in place of `secret` when they brought one. */
  tenant_credentials: boolean;
  locality: "local" | "api";
  jurisdiction: string;
  dialects: Dialect[] | null;
  api_version: string | null;
  connect_timeout_ms: number;
  /** To the first byte of the answer. */
  try_timeout_ms: number;
  idle_timeout_ms: number;
  /** Open after this many failures in a row; half-open after `cooldown_ms` with one probe. */
  breaker: { failures: number; cooldown_ms: number };
  /** Of a pool of ours: whose workers are sent for. */
  pool?: string;
  /** It invents its answers. */
  stand_in?: boolean;
  /** Of the synthetic engine: tokens per second, and what to fail with. */
  synthetic: {
    tokens_per_s: number;
    fail: "never" | "unreachable" | "overloaded" | "failed" | "midstream" | "hang";
  } | null;
}

/** One engine model that a route may end at: provider and exact model id. */
export interface Candidate {
  /** `<provider>:<model>`. */
  id: string;
  provider: string;
  model: string;
  tier: 0 | 1 | 2;
  lane: "direct" | "queue";
  surfaces: Dialect[];
  tools: boolean;
  vision: boolean;
  structured_output: boolean;
  context_tokens: number;
  output_tokens_max: number;
  reserve_output_tokens: number;
  /** Tokens charged as the bound for one image part. */
  image_tokens: number;
  /** Nano-dollars per unit. */
  prices: Prices;
  /** What a line of a batch costs instead. */
  batch_prices?: Prices;
  /** Nobody stated prices: `prices` are the documented conservative defaults. */
  prices_assumed?: boolean;
  weight: number;
  /** What a model of tensors takes and answers, as the operators stated it. */
  tensors?: { inputs: DeclaredTensor[]; outputs: DeclaredTensor[] };
  /** `sha256:<hex>` of the weights, as the operators stated it. */
  weights_digest?: string;
}

/** A name that callers use, resolved at activation. */
export interface Alias {
  name: string;
  intent: string | null;
  candidates: string[];
  strategy: Strategy;
  owned_by: string;
  /** Not written as a name: it follows from a reference under `tiers`. */
  implicit?: boolean;
}

/** What is known of a call before its caller says anything. */
export interface LabelConfig {
  classification: Classification | null;
  markings: string[];
  purposes: { allowed: string[]; default: string | null } | null;
}

/** Who may sign bundles of a layer: a public key (PEM, or a JWK), or a secret by reference. */
export interface BundleKeyConfig {
  id: string;
  algorithm: BundleAlgorithm;
  public_key: string | JsonObject | null;
  secret: SecretRef | null;
}

/** A policy layer's keys, and where its newest bundle is fetched from. */
export interface BundleConfig {
  keys: BundleKeyConfig[];
  pull: { url: string; interval_s: number } | null;
}

export interface IntentConfig {
  name: string;
  default_route: "auto" | "local" | "api" | "hybrid";
  routes: ("local" | "api" | "hybrid")[];
  privacy: PrivacyMode;
  tiers: (0 | 1 | 2)[];
  vector_usage: boolean;
  labels?: LabelConfig;
  limits?: PolicyFacts["intents"][string]["limits"];
}

/** What the default policy decides by, as it reads it. */
export type PolicyRules = Pick<PolicyFacts, "markings" | "restrictions" | "data_loss" | "high_risk">;

export interface RateLimits {
  key: { per_minute: number; burst: number };
  user: { per_minute: number; per_second: number } | null;
  workspace: { per_minute: number } | null;
  tenant: { per_minute: number } | null;
  tokens: { key_per_minute: number | null; tenant_per_minute: number | null };
  preauth_per_minute: number;
}

export interface IssuerConfig {
  issuer: string;
  audiences: string[];
  /** A claim path to each fact, and values for those that the token does not carry. */
  claims: { workspace: string | null; roles: string | null; scopes: string | null };
  defaults: { workspace: string; project: string; environment: string; roles: Role[] };
  role_map: Record<string, Role>;
  lifetime_s_max: number;
  algorithms: string[];
  /** `workload`: SPIFFE-style subjects, actor kind `worker`. */
  kind: "user" | "workload";
  /** JWKS URL when the issuer has no discovery document. */
  jwks_uri: string | null;
  /** Operator-approved: may be reached on loopback or private addresses (on-premises identity providers). */
  network: "tenant" | "operator";
}

export interface TenantConfig {
  id: string;
  name: string;
  privacy: PrivacyMode;
  content: "none" | "store";
  transit: "refused" | "allowed";
  aliases: Record<string, Alias>;
  issuers: IssuerConfig[];
  rates: Partial<RateLimits>;
  providers_allow: string[] | null;
  /** How long kept content lives; absent: `LIMITS.sessionMsDefault`. */
  retention?: { conversations_ms: number; responses_ms: number };
  approvals?: { life_ms: number; webhook: { url: string; secret: SecretRef } | null };
  /** Applied when the tenant is provisioned. */
  budgets?: BudgetSeed[];
  workspaces?: { id: string; projects: string[] }[];
  labels?: LabelConfig;
  /** null: any marking. */
  markings_allow?: string[] | null;
  restrictions?: Restriction[];
  bundles?: BundleConfig;
}

export interface BudgetSeed {
  workspace: string | null;
  project: string | null;
  environment: string | null;
  period: "day" | "month" | "total";
  limit_nusd: NanoUsd;
  hard: boolean;
}

/** Whose workers may join a pool of ours: a service account of a registered issuer, and what it is restricted to. */
export interface PoolIssuer {
  issuer: string;
  audiences: string[];
  /** Exact `sub` claims. */
  subjects: string[];
  algorithms: string[];
  lifetime_s_max: number;
  jwks_uri: string | null;
  network: "tenant" | "operator";
  /** null: tasks of any. */
  tenants: string[] | null;
  workspaces: string[] | null;
  environments: string[] | null;
}

export interface PoolConfig {
  name: string;
  issuers: PoolIssuer[];
  /** Without a worker it counts as available after `cold_start_ms`. */
  scale_from_zero: boolean;
  cold_start_ms: number;
  /** Interactive calls that would wait longer for a worker are refused. */
  max_wait_ms: number;
}

/** An immutable configuration; a live request never sees half of one. */
export interface Snapshot {
  schema_version: 1;
  /** `sha256:<hex>` over the canonical JSON of all files. */
  digest: string;
  cell: { id: string; jurisdiction: string };
  providers: Record<string, ProviderConfig>;
  candidates: Record<string, Candidate>;
  aliases: Record<string, Alias>;
  intents: Record<string, IntentConfig>;
  tenants: Record<string, TenantConfig>;
  policies: {
    task_budget_default_nusd: NanoUsd;
    task_budget_hard_cap_nusd: NanoUsd;
    p95_ms: Partial<Record<"local" | "api" | "hybrid", number>>;
    local_only_intents: string[];
    /** Classifications whose calls stay on our own pools, whatever the tenant allows. */
    local_only_classifications?: string[];
    providers_deny: string[];
    /** null: no list was given; an empty list means none. */
    providers_allow: string[] | null;
    /** Jurisdictions of external providers that are accepted beside the cell's own. */
    jurisdictions_allow?: string[];
    fallback_order: ("local" | "api" | "hybrid")[];
    /** Retries as a share of calls, per provider and minute. */
    retry_budget: { ratio: number; min_per_minute: number };
    rules?: PolicyRules;
    bundles?: BundleConfig;
  };
  rates: RateLimits;
  /** Every pool that `pools.yml` or a provider names. */
  pools?: Record<string, PoolConfig>;
  /** Validated and kept; inactive until modules run. */
  modules: { name: string; ref: string; runtime: string }[];
  /** Named problems that do not stop the snapshot: unknown providers, missing secrets. */
  warnings: string[];
}
