import type { Snapshot } from "../../shared/contracts/config/snapshot.ts";
import type { PolicyCandidate } from "../../shared/contracts/decision.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { ok, type Result } from "../../shared/contracts/result.ts";
import { type Asked, type CandidateRefusal, candidatesFor, type Offered, policyCandidates } from "./candidates.ts";

/** What a question is offered, and what policy is shown of it. Shared between calls: never change it. */
export interface KnownOffer {
  readonly offered: Offered;
  readonly shown: readonly PolicyCandidate[];
}

/** By snapshot: one that is in force no more takes its offers with it. */
const known = new WeakMap<Snapshot, Map<string, KnownOffer>>();

/**
 * `candidatesFor`, worked out once for all calls of a tenant that ask the same of one snapshot. Only what was found is
 * kept, for callers may invent any number of names; the oldest gives way.
 */
export function offersFor(snapshot: Snapshot, tenant: string, asked: Asked): Result<KnownOffer, CandidateRefusal> {
  const question = questionOf(tenant, asked);
  const offers = known.get(snapshot) ?? new Map<string, KnownOffer>();
  const before = question === null ? undefined : offers.get(question);
  if (before !== undefined) return ok(before);
  const offered = candidatesFor(snapshot, snapshot.tenants[tenant] ?? null, asked);
  if (!offered.ok) return offered;
  const offer = { offered: offered.value, shown: policyCandidates(offered.value) };
  if (question !== null) {
    if (offers.size >= LIMITS.policyOutcomesKeptMax)
      for (const oldest of offers.keys()) {
        offers.delete(oldest);
        break;
      }
    offers.set(question, offer);
    known.set(snapshot, offers);
  }
  return ok(offer);
}

/** All that the offer depends on besides the snapshot, or null where that is no short text. */
function questionOf(tenant: string, asked: Asked): string | null {
  const { model, intent, surface, features, tensors, privacy, classification, pin, tenantCredentials } = asked;
  if (tensors !== undefined || (pin ?? null) !== null || tenantCredentials.size > 0) return null;
  const { tools, images, structured_output } = features;
  const needs = (tools ? 1 : 0) + (images ? 2 : 0) + (structured_output ? 4 : 0);
  return `${tenant} ${surface} ${needs} ${privacy} ${told(model)}${told(intent)}${told(classification)}`;
}

/** Names and labels may be any text: how long each is keeps it apart from the next. */
const told = (text: string | null): string => (text === null ? "-" : `${text.length}:${text}`);
