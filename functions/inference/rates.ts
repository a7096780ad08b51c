import type { Actor } from "../../shared/contracts/actor.ts";
import type { RateLimits, Snapshot } from "../../shared/contracts/config/snapshot.ts";
import type { RateBucket, RateState } from "../../shared/contracts/ports/tenant-store.ts";

const MINUTE = 60_000;

/** Credentials are looked up with one actor for all their calls. */
const known = new WeakMap<Actor, { snapshot: Snapshot; buckets: readonly RateBucket[] }>();

/** The buckets that a call of this actor draws from, under the snapshot's limits and the tenant's own. */
export function bucketsFor(snapshot: Snapshot, actor: Actor): readonly RateBucket[] {
  const before = known.get(actor);
  if (before?.snapshot === snapshot) return before.buckets;
  const buckets = bucketsOf(snapshot, actor);
  known.set(actor, { snapshot, buckets });
  return buckets;
}

function bucketsOf(snapshot: Snapshot, actor: Actor): RateBucket[] {
  const limits: RateLimits = { ...snapshot.rates, ...snapshot.tenants[actor.scopes.tenant]?.rates };
  const buckets: RateBucket[] = [];
  const add = (
    dimension: RateBucket["dimension"],
    id: string,
    unit: RateBucket["unit"],
    limit: number,
    per_ms = MINUTE,
    burst = limit,
  ) => buckets.push({ dimension, id, unit, limit, per_ms, burst });
  // Callers without a key (tokens) are limited as their subject.
  const caller = actor.kid ?? actor.subject;
  add("key", caller, "requests", limits.key.per_minute, MINUTE, limits.key.burst);
  if (limits.user) {
    add("user", actor.subject, "requests", limits.user.per_minute);
    add("user-second", actor.subject, "requests", limits.user.per_second, 1_000);
  }
  if (limits.workspace) add("workspace", actor.scopes.workspace, "requests", limits.workspace.per_minute);
  if (limits.tenant) add("tenant", "*", "requests", limits.tenant.per_minute);
  if (limits.tokens.key_per_minute !== null) add("key", caller, "tokens", limits.tokens.key_per_minute);
  if (limits.tokens.tenant_per_minute !== null) add("tenant", "*", "tokens", limits.tokens.tenant_per_minute);
  return buckets;
}

const seconds = (ms: number): number => Math.ceil(ms / 1000);

/** IETF `RateLimit` pair and OpenAI's `x-ratelimit-*`, both from the bucket that is closest to empty. */
export function rateHeaders(states: readonly RateState[]): Record<string, string> {
  const headers: Record<string, string> = {};
  const policies: string[] = [];
  const limits: string[] = [];
  for (const unit of ["requests", "tokens"] as const) {
    let tightest: RateState | null = null;
    for (const state of states) {
      if (state.unit !== unit || (state.dimension === "user-second" && states.length > 1)) continue;
      if (tightest === null || state.remaining / state.limit < tightest.remaining / tightest.limit) tightest = state;
    }
    if (tightest === null) continue;
    const remaining = Math.max(0, Math.floor(tightest.remaining));
    headers[`x-ratelimit-limit-${unit}`] = String(tightest.limit);
    headers[`x-ratelimit-remaining-${unit}`] = String(remaining);
    headers[`x-ratelimit-reset-${unit}`] = `${seconds(tightest.reset_ms)}s`;
    policies.push(
      `"${tightest.dimension}-${unit}";q=${tightest.limit};w=${tightest.dimension === "user-second" ? 1 : 60}`,
    );
    limits.push(`"${tightest.dimension}-${unit}";r=${remaining};t=${seconds(tightest.reset_ms)}`);
  }
  if (policies.length > 0) {
    headers["ratelimit-policy"] = policies.join(", ");
    headers.ratelimit = limits.join(", ");
  }
  return headers;
}
