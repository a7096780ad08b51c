import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Egress } from "../../../shared/contracts/ports/egress.ts";
import { type KeySet, keyFor } from "./key-set.ts";
import { fetchKeySet, type Where } from "./key-source.ts";
import type { PinnedKey } from "./pinned-key.ts";
import { RecentMap } from "./recent-map.ts";

interface Entry {
  keys: KeySet | null;
  fetchedMs: number;
  /** Of the last fetch that began, whether it worked or not: what bounds refetching. */
  triedMs: number;
  pending: Promise<void> | null;
}

/** Half of the greatest age: a set is renewed while the old one may still answer for a failing issuer. */
const FRESH_MS = LIMITS.jwksAgeMsMax / 2;

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/**
 * Keys per issuer. Refetched when half as old as allowed, and for an unknown `kid` at most every `jwksRefetchMsMin`,
 * so that made-up key ids never turn into requests. Concurrent callers share one fetch. While an issuer fails, its last
 * keys serve until `jwksAgeMsMax`; afterwards nothing does.
 */
export function createKeyCache(egress: Egress) {
  const entries = new RecentMap<string, Entry>({ max: LIMITS.issuersCachedMax, ageMsMax: Number.POSITIVE_INFINITY });

  async function load(entry: Entry, issuer: Where, now: number): Promise<void> {
    entry.triedMs = now;
    try {
      entry.keys = await fetchKeySet(egress, issuer);
      entry.fetchedMs = now;
    } catch (cause) {
      // The last keys stay; the caller sees `unavailable` when there are none, with this as the reason.
      entry.keys = now - entry.fetchedMs > LIMITS.jwksAgeMsMax ? null : entry.keys;
      lastFailures.set(entry, cause);
    }
  }
  const lastFailures = new WeakMap<Entry, unknown>();

  async function refresh(entry: Entry, issuer: Where, now: number): Promise<void> {
    if (entry.pending === null) {
      const pending = load(entry, issuer, now).finally(() => {
        if (entry.pending === pending) entry.pending = null;
      });
      entry.pending = pending;
      return pending;
    }
    // The request that began the fetch may be cut off together with its I/O: wait for it only so long, then ask oneself.
    const shared = entry.pending;
    await Promise.race([shared, pause(LIMITS.issuerFetchMsMax)]);
    if (entry.pending === shared) await load(entry, issuer, now);
  }

  return {
    /** The key, null when the issuer has none such, or `unavailable` when its keys are not known. */
    async find(
      issuer: Where,
      kid: string | null,
      algorithm: string,
      now: number,
    ): Promise<{ key: PinnedKey | null } | { unavailable: unknown }> {
      const name = JSON.stringify([issuer.issuer, issuer.jwks_uri, issuer.network]);
      let entry = entries.get(name, now);
      if (entry === undefined) {
        entry = { keys: null, fetchedMs: Number.NEGATIVE_INFINITY, triedMs: Number.NEGATIVE_INFINITY, pending: null };
        entries.set(name, entry, now);
      }
      const mayTry = () => now - (entry?.triedMs ?? 0) >= LIMITS.jwksRefetchMsMin;
      const stale = now - entry.fetchedMs >= FRESH_MS;
      if (entry.pending !== null || (stale && mayTry())) await refresh(entry, issuer, now);
      let key = entry.keys === null ? null : keyFor(entry.keys, kid, algorithm);
      if (key === null && mayTry()) {
        await refresh(entry, issuer, now);
        key = entry.keys === null ? null : keyFor(entry.keys, kid, algorithm);
      }
      if (entry.keys === null || now - entry.fetchedMs > LIMITS.jwksAgeMsMax)
        return { unavailable: lastFailures.get(entry) };
      return { key };
    },
  };
}
