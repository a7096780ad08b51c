import type {
  Candidate,
  IntentConfig,
  ProviderConfig,
  Snapshot,
  TenantConfig,
} from "../../shared/contracts/config/snapshot.ts";
import type { PrivacyMode } from "../../shared/contracts/decision.ts";
import type { Route } from "../../shared/contracts/task.ts";
import { versionOf } from "../../shared/oip/version.ts";
import { fits } from "../../shared/oip/wire.ts";
import type { Asked } from "./candidates.ts";

/** The candidate lacks what the request needs; checked last, so nothing else stood against it. */
export const CAPABILITY_REASONS = [
  "surface_unsupported",
  "tools_unsupported",
  "vision_unsupported",
  "structured_output_unsupported",
  "tensors_unsupported",
] as const;
export type CapabilityReason = (typeof CAPABILITY_REASONS)[number];

export type Rejection =
  | "provider_not_configured"
  | "provider_denied"
  | "provider_not_allowed"
  | "provider_not_allowed_for_tenant"
  | "provider_not_in_workspace"
  | "jurisdiction_not_in_workspace"
  | "privacy_local_only"
  | "jurisdiction"
  | "tier_not_allowed"
  | "route_not_allowed"
  | "secret_missing"
  | "other_version"
  | CapabilityReason;

export interface RejectionContext {
  snapshot: Snapshot;
  tenant: TenantConfig | null;
  asked: Asked;
  intents: readonly IntentConfig[];
  privacy: PrivacyMode;
  routes: readonly Route[];
}

/** The first reason against a candidate in a fixed order: trust, then the intent, then what is technically there. */
export function rejectionOf(
  candidate: Candidate,
  context: RejectionContext,
): { reason: Rejection } | { reason: null; provider: ProviderConfig } {
  const { snapshot } = context;
  const provider = Object.hasOwn(snapshot.providers, candidate.provider)
    ? snapshot.providers[candidate.provider]
    : undefined;
  if (provider === undefined) return { reason: "provider_not_configured" };
  const reason =
    trustRejection(provider, context) ??
    intentRejection(candidate, provider, context) ??
    technicalRejection(candidate, provider, context.asked);
  return reason === null ? { reason: null, provider } : { reason };
}

function trustRejection(
  { name, locality, jurisdiction }: ProviderConfig,
  { snapshot, tenant, privacy, asked: { pin } }: RejectionContext,
): Rejection | null {
  const { policies, cell } = snapshot;
  if (policies.providers_deny.includes(name)) return "provider_denied";
  if (policies.providers_allow !== null && !policies.providers_allow.includes(name)) return "provider_not_allowed";
  if (tenant?.providers_allow && !tenant.providers_allow.includes(name)) return "provider_not_allowed_for_tenant";
  if (pin?.providers && !pin.providers.includes(name)) return "provider_not_in_workspace";
  if (pin?.jurisdictions && !pin.jurisdictions.includes(jurisdiction)) return "jurisdiction_not_in_workspace";
  if (privacy === "local-only" && locality === "api") return "privacy_local_only";
  if (jurisdiction === cell.jurisdiction) return null;
  if (locality === "local") return "jurisdiction";
  // The jurisdiction `local` places a cell on one machine; it says nothing about where providers may lie.
  const allowed = cell.jurisdiction === "local" || (policies.jurisdictions_allow ?? []).includes(jurisdiction);
  return allowed ? null : "jurisdiction";
}

function intentRejection(
  { tier }: Candidate,
  { locality }: ProviderConfig,
  { intents, routes }: RejectionContext,
): Rejection | null {
  if (!intents.every((intent) => intent.tiers.includes(tier))) return "tier_not_allowed";
  return routes.includes("hybrid") || routes.includes(locality) ? null : "route_not_allowed";
}

function technicalRejection(
  candidate: Candidate,
  provider: ProviderConfig,
  { surface, features, tensors, tenantCredentials }: Asked,
): Rejection | null {
  const brought = provider.tenant_credentials && tenantCredentials.has(provider.name);
  if (provider.secret_missing === true && !brought) return "secret_missing";
  if (!candidate.surfaces.includes(surface)) return "surface_unsupported";
  if (tensors && tensors.version !== null && versionOf(candidate.model).version !== tensors.version)
    return "other_version";
  if (features.tools && !candidate.tools) return "tools_unsupported";
  if (features.images && !candidate.vision) return "vision_unsupported";
  if (features.structured_output && !candidate.structured_output) return "structured_output_unsupported";
  const [given, takes] = [tensors?.inputs, candidate.tensors?.inputs];
  if (
    given &&
    takes &&
    !given.every((tensor) => takes.some((declared) => declared.name === tensor.name && fits(tensor, declared)))
  )
    return "tensors_unsupported";
  return null;
}
