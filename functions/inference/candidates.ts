import { AUTO } from "../../shared/contracts/config/names.ts";
import type {
  Alias,
  Candidate,
  IntentConfig,
  ProviderConfig,
  Snapshot,
  Strategy,
  TenantConfig,
} from "../../shared/contracts/config/snapshot.ts";
import { type PolicyCandidate, type PrivacyMode, stricterPrivacy } from "../../shared/contracts/decision.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Dialect } from "../../shared/contracts/ports/engine.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import type { Route, RouteReason } from "../../shared/contracts/task.ts";
import type { WorkspacePin } from "../../shared/contracts/workspace-pin.ts";
import type { Tensor } from "../../shared/oip/tensor.ts";
import { CAPABILITY_REASONS, type CapabilityReason, rejectionOf } from "./rejections.ts";

export interface Asked {
  /** An alias, an intent's name or `auto`; null is `auto`. */
  model: string | null;
  /** `x-bailiwick-intent` or the task field. */
  intent: string | null;
  surface: Dialect;
  features: { tools: boolean; images: boolean; structured_output: boolean };
  /** Of tensors: the version that was asked for, null for any, and what is given; absent: nothing is held against it. */
  tensors?: { version: string | null; inputs: readonly Pick<Tensor, "name" | "datatype" | "shape">[] | null };
  /** In force for the caller: the tenant's mode, or a stricter one that was asked for. */
  privacy: PrivacyMode;
  classification: string | null;
  /** What the caller's workspace is held to besides; null or absent: nothing. */
  pin?: WorkspacePin | null;
  /** Providers for which the tenant brought a credential. */
  tenantCredentials: ReadonlySet<string>;
}

/** A candidate that may be used, with the provider that answers for it. */
export interface Offer {
  candidate: Candidate;
  provider: ProviderConfig;
}

/** What a call may be routed to, before policy decides. Each candidate of the name is in `offers` or in `rejected`. */
export interface Offered {
  /** The name that was resolved: an alias, an intent or `auto`. */
  alias: string;
  intent: IntentConfig | null;
  /** All that restrict the call; the recorded one first. */
  intents: readonly IntentConfig[];
  /** The strictest of caller, tenant, intents and the cell's policies. */
  privacy: PrivacyMode;
  routes: readonly Route[];
  strategy: Strategy;
  /** `listed`: the alias orders its candidates. `routes`: intent and fallback order do, then tiers. */
  order: "listed" | "routes";
  /** An external provider may only follow our own pool, after redaction. */
  localFirst: boolean;
  offers: readonly Offer[];
  rejected: readonly RouteReason[];
}

export type CandidateRefusal =
  | { reason: "unknown_model" }
  /** The name is known, and no engine model behind it has the version. */
  | { reason: "unknown_version"; rejected: readonly RouteReason[] }
  | { reason: "unknown_intent" }
  /** Everything that may be used lacks what the request needs. */
  | { reason: "unsupported"; capability: CapabilityReason; rejected: readonly RouteReason[] }
  | { reason: "no_candidate"; rejected: readonly RouteReason[] };

/** Pure and total over one snapshot: the same question gives the same answer. Configuration only; health comes later. */
export function candidatesFor(
  snapshot: Snapshot,
  tenant: TenantConfig | null,
  asked: Asked,
): Result<Offered, CandidateRefusal> {
  const resolved = resolve(snapshot, tenant, asked);
  if (!resolved.ok) return resolved;
  const { alias, intents, named } = resolved.value;
  const privacy = privacyOf(snapshot, intents, asked);
  const routes = (["local", "api", "hybrid"] as const).filter((route) =>
    intents.every((intent) => intent.routes.includes(route)),
  );
  const localFirst = privacy === "hybrid" || (routes.includes("hybrid") && !routes.includes("api"));
  const context = { snapshot, tenant, asked, intents, privacy, routes };
  const offers: Offer[] = [];
  const rejected: RouteReason[] = [];
  const reject = (candidate: string, reason: string) => void rejected.push({ candidate, outcome: "rejected", reason });
  for (const candidate of named) {
    const rejection = rejectionOf(candidate, context);
    if (rejection.reason !== null) reject(candidate.id, rejection.reason);
    else if (offers.length >= LIMITS.candidatesMax) reject(candidate.id, "too_many_candidates");
    else offers.push({ candidate, provider: rejection.provider });
  }
  const kept = standing(offers, alias === null, localFirst, reject);
  if (kept.length === 0) return err(refusalOf(rejected));
  return ok({
    alias: alias?.name ?? asked.model ?? AUTO,
    intent: intents[0] ?? null,
    intents,
    privacy,
    routes,
    strategy: alias?.strategy ?? "ordered",
    order: alias === null ? "routes" : "listed",
    localFirst,
    offers: kept,
    rejected,
  });
}

/** What policy is shown, members in the order of canonical JSON. */
export const policyCandidates = ({ alias, offers }: Offered): PolicyCandidate[] =>
  offers.map(({ candidate: { id, provider, model, tier }, provider: { locality, jurisdiction } }) => ({
    alias,
    id,
    jurisdiction,
    locality,
    model,
    provider,
    tier,
  }));

interface Resolved {
  /** null: no alias was named, the router chooses among all candidates. */
  alias: Alias | null;
  /** The intent that is recorded comes first; every one of them restricts. */
  intents: IntentConfig[];
  named: readonly Candidate[];
}

function resolve(snapshot: Snapshot, tenant: TenantConfig | null, asked: Asked): Result<Resolved, CandidateRefusal> {
  const name = asked.model ?? AUTO;
  const alias = own(tenant?.aliases, name) ?? own(snapshot.aliases, name);
  const byName = own(snapshot.intents, name);
  if (name !== AUTO && alias === null && byName === null) return err({ reason: "unknown_model" });
  const header = asked.intent === null ? null : own(snapshot.intents, asked.intent);
  if (asked.intent !== null && header === null) return err({ reason: "unknown_intent" });
  // An alias keeps its own intent's restrictions under whatever intent the caller names.
  const fixed = alias?.intent ? own(snapshot.intents, alias.intent) : null;
  const intents = [header, byName, fixed].filter((intent) => intent !== null);
  const named = alias
    ? alias.candidates.map((id) => own(snapshot.candidates, id)).filter((candidate) => candidate !== null)
    : Object.values(snapshot.candidates).sort((a, b) => a.tier - b.tier);
  return ok({ alias, intents: [...new Set(intents)], named });
}

function privacyOf({ policies }: Snapshot, intents: readonly IntentConfig[], asked: Asked): PrivacyMode {
  const classifications = [asked.classification, ...intents.map(({ labels }) => labels?.classification ?? null)];
  const localOnly =
    intents.some(({ name }) => policies.local_only_intents.includes(name)) ||
    classifications.some((one) => one !== null && (policies.local_only_classifications ?? []).includes(one));
  return intents.reduce(
    (mode, intent) => stricterPrivacy(mode, intent.privacy),
    localOnly ? "local-only" : asked.privacy,
  );
}

const invents = ({ kind, stand_in }: ProviderConfig): boolean => kind === "synthetic" || stand_in === true;

/** What only shows when all are known: no first hop of our own, and stand-ins beside real engines. */
function standing(
  offers: Offer[],
  chosenByRouter: boolean,
  localFirst: boolean,
  reject: (id: string, reason: string) => void,
): Offer[] {
  const refused = (offer: Offer): string | null => {
    if (
      localFirst &&
      offer.provider.locality === "api" &&
      !offers.some(({ provider }) => provider.locality === "local")
    )
      return "no_local_first";
    // An invented answer must never stand for a real one that merely failed.
    if (chosenByRouter && invents(offer.provider) && offers.some(({ provider }) => !invents(provider)))
      return "synthetic_stand_in";
    return null;
  };
  return offers.filter((offer) => {
    const reason = refused(offer);
    if (reason !== null) reject(offer.candidate.id, reason);
    return reason === null;
  });
}

function refusalOf(rejected: readonly RouteReason[]): CandidateRefusal {
  const otherwise = rejected.filter(({ reason }) => reason !== "other_version" && reason !== "surface_unsupported");
  if (otherwise.length === 0 && rejected.some(({ reason }) => reason === "other_version"))
    return { reason: "unknown_version", rejected };
  const capability = CAPABILITY_REASONS.find((reason) => rejected.some((row) => row.reason === reason));
  return capability ? { reason: "unsupported", capability, rejected } : { reason: "no_candidate", rejected };
}

/** Names come from callers: only own members count. */
const own = <T>(record: Readonly<Record<string, T>> | undefined, name: string): T | null =>
  record !== undefined && Object.hasOwn(record, name) ? (record[name] ?? null) : null;
