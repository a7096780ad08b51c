import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { UsdAmount } from "../money.ts";
import { Route } from "../task.ts";
import { BundleKeys, BundlePull } from "./bundles.ts";
import { IntentName, Jurisdiction, ProviderName } from "./fields.ts";
import { ruleMembers } from "./policy-rules.ts";
import { RatesEntry } from "./rates.ts";

const Milliseconds = z.number().int().min(1).max(LIMITS.deadlineMsMax);
const providers = z.array(ProviderName).max(LIMITS.providersMax);

/** `policies.yml` */
export const PoliciesFile = z.strictObject({
  /** Of one task. */
  budget: z.strictObject({ default_usd: UsdAmount.optional(), hard_cap_usd: UsdAmount.optional() }).prefault({}),
  latency: z
    .strictObject({
      p95_ms: z
        .strictObject({
          local: Milliseconds.optional(),
          api: Milliseconds.optional(),
          hybrid: Milliseconds.optional(),
        })
        .prefault({}),
    })
    .prefault({}),
  privacy: z
    .strictObject({
      local_only_intents: z.array(IntentName).max(1_000).optional(),
      local_only_classifications: z.array(z.string().min(1).max(64)).max(64).optional(),
    })
    .prefault({}),
  /** An empty `allow` allows none; without it, every provider that is not denied. */
  providers: z.strictObject({ deny: providers.optional(), allow: providers.optional() }).prefault({}),
  routing: z
    .strictObject({
      /** Routes that a call may fall back to, in this order; also the order in which `auto` and intents choose. */
      fallback_order: z.array(Route).max(3).optional(),
      /** Further jurisdictions that external providers may lie in, beside the cell's own. */
      jurisdictions_allow: z.array(Jurisdiction).max(64).optional(),
      retry_budget: z
        .strictObject({ ratio: z.number().min(0).max(1), min_per_minute: z.number().int().min(0).max(10_000) })
        .optional(),
    })
    .prefault({}),
  rates: RatesEntry.optional(),
  ...ruleMembers,
  /** The cell's own policy layer: who may sign its bundles, and where they are fetched from. */
  bundles: z.strictObject({ keys: BundleKeys.default([]), pull: BundlePull.optional() }).prefault({}),
});
export type PoliciesFile = z.infer<typeof PoliciesFile>;
