import { z } from "zod";
import { PrivacyMode } from "../decision.ts";
import { Route } from "../task.ts";
import { IntentName } from "./fields.ts";
import { labelMembers } from "./labels.ts";
import { CapsEntry } from "./policy-rules.ts";

export const TIER_NAMES = ["tier0", "tier1", "tier2"] as const;

export const IntentEntry = z.strictObject({
  default_route: z.enum(["auto", "local", "api", "hybrid"]).default("auto"),
  /** Routes that this intent may take. */
  candidates: z.array(Route).min(1).max(3),
  privacy: PrivacyMode,
  tiers_allowed: z.array(z.enum(TIER_NAMES)).min(1).max(3),
  vector_usage: z.boolean().default(false),
  ...labelMembers,
  /** Caps of each call, beside those of the cell and of the caller. */
  limits: CapsEntry.prefault({}),
});
export type IntentEntry = z.infer<typeof IntentEntry>;

/** `intents.yml`: a map of intents by name. */
export const IntentsFile = z.record(IntentName, IntentEntry);
export type IntentsFile = z.infer<typeof IntentsFile>;
