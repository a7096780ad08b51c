import { inForceAt, type KeyPair } from "../../functions/adapters/signer/key-document.ts";
import { newPair } from "../../functions/adapters/signer/new-pair.ts";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import type { VerifierKey } from "../../shared/contracts/ports/signer.ts";
import { Refused } from "./command.ts";

type Reason = NonNullable<VerifierKey["revoked"]>["reason"];
type Pairs = readonly KeyPair[];

/** What waits to be published when a pair ends must be signed by it: an hour covers an outage of the object store. */
export const OVERLAP_MS_MIN = 3_600_000;

/**
 * Adds a pair that is in force now; those in force end after the overlap, unless they end earlier. Meanwhile all of them
 * sign, so that whoever has either key can verify.
 */
export function rotated(pairs: Pairs, now: UnixMs, overlapMs: number): KeyPair[] {
  const end = (now + overlapMs) as UnixMs; // safe because: a time in ms
  const ending = new Set(inForceAt(pairs, now));
  const older = pairs.map((pair) =>
    ending.has(pair) ? { ...pair, notAfterMs: pair.notAfterMs === null ? end : earlier(pair.notAfterMs, end) } : pair,
  );
  return [newPair(now), ...older];
}

/**
 * Ends a pair now; what it signed stays good. Refuses unless another pair has been in force for as long as the shortest
 * overlap: what waits to be published is older than now, and a key counts for nothing that is older than it.
 */
export function retired(pairs: Pairs, pair: KeyPair, now: UnixMs): KeyPair[] {
  if (!inForceAt(pairs, now).includes(pair)) throw new Refused(`${pair.id} is not in force`);
  const lasting = inForceAt(pairs, now - OVERLAP_MS_MIN).filter((other) => other !== pair);
  if (inForceAt(lasting, now).length === 0)
    throw new Refused(
      `no other pair has been in force for an hour; rotate first, so that nothing stays without a signature`,
    );
  return replaced(pairs, pair, { notAfterMs: now });
}

/** A pair that is revoked signs nothing any more. It may be called compromised later, and nothing else. */
export function revoked(pairs: Pairs, pair: KeyPair, now: UnixMs, reason: Reason): KeyPair[] {
  if (pair.revoked !== null && (pair.revoked.reason === "compromised" || reason !== "compromised"))
    throw new Refused(`${pair.id} is revoked already (${pair.revoked.reason})`);
  return replaced(pairs, pair, { revoked: { at_ms: now, reason } });
}

/** Drops a pair from the document: what it signed cannot be verified by what the cell publishes from then on. */
export function forgotten(pairs: Pairs, pair: KeyPair, now: UnixMs): KeyPair[] {
  const ended = pair.revoked !== null || (pair.notAfterMs !== null && pair.notAfterMs <= now);
  if (!ended) throw new Refused(`${pair.id} has not ended; retire or revoke it first`);
  if (pairs.length === 1) throw new Refused(`${pair.id} is the only pair; rotate first`);
  return pairs.filter((other) => other !== pair);
}

const earlier = (a: UnixMs, b: UnixMs): UnixMs => (a < b ? a : b);
const replaced = (pairs: Pairs, pair: KeyPair, changes: Partial<KeyPair>): KeyPair[] =>
  pairs.map((other) => (other === pair ? { ...pair, ...changes } : other));
