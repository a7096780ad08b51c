import type { NanoUsd } from "../ids.ts";
import { LIMITS } from "../limits.ts";
import type { Prices } from "../usage.ts";
import type { RateLimits, Snapshot } from "./snapshot.ts";

const nano = (amount: number): NanoUsd => amount as NanoUsd; // safe because: literals below, far inside the money range

/**
 * What an external model is charged at while nobody has stated its prices: 3 USD per million input tokens and 15 per
 * million output tokens, above the list prices of the general-purpose models of late 2026. Budgets then err on the safe
 * side. Dearer models must state their prices; every use of these is a warning.
 */
export const ASSUMED_PRICES: Prices = { tokens_in: 3_000, tokens_cached: 3_000, tokens_out: 15_000 };

/** Facts about a model that states none. Capabilities are then let through, and the engine's own refusal is passed on. */
export const MODEL_DEFAULTS = {
  context_tokens: 131_072,
  output_tokens_max: 16_384,
  reserve_output_tokens: LIMITS.reserveOutputTokensDefault,
  /** Largest bound known for one image at high detail: 1,445 (tiles of 512 pixels) and 1,600 (width × height ÷ 750). */
  image_tokens: 1_600,
} as const;

export const PROVIDER_DEFAULTS = {
  connect_timeout_ms: 5_000,
  /** Long prompts on a cold model: first tokens of minute-long prefills are seen. */
  try_timeout_ms: 120_000,
  idle_timeout_ms: 60_000,
  breaker: { failures: 5, cooldown_ms: 10_000 },
  synthetic: { tokens_per_s: 200, fail: "never" },
} as const;

export const RATE_DEFAULTS: RateLimits = {
  key: { per_minute: 60, burst: 120 },
  user: { per_minute: 120, per_second: 30 },
  workspace: null,
  tenant: null,
  tokens: { key_per_minute: null, tenant_per_minute: null },
  preauth_per_minute: LIMITS.preauthPerMinute,
};

export const POLICY_DEFAULTS: Snapshot["policies"] = {
  task_budget_default_nusd: nano(20_000_000),
  task_budget_hard_cap_nusd: nano(200_000_000),
  p95_ms: {},
  local_only_intents: [],
  local_only_classifications: [],
  providers_deny: [],
  providers_allow: null,
  jurisdictions_allow: [],
  fallback_order: ["local", "api", "hybrid"],
  retry_budget: { ratio: 0.2, min_per_minute: 10 },
};
