import type { Candidate, ProviderConfig } from "../../shared/contracts/config/snapshot.ts";
import { canonicalJson } from "../../shared/crypto/canonical-json.ts";
import { sha256Hex } from "../../shared/crypto/sha256.ts";

/** Digests by candidate; a snapshot is immutable, so each is made once. */
const KNOWN = new WeakMap<Candidate, { provider: ProviderConfig; digest: string }>();

/**
 * What computed an answer, as docs/ledger.md §4 has it: the same digest for the same engine kind, host, exact model and
 * weights, whatever the configuration calls them.
 */
export function modelDigest(candidate: Candidate, provider: ProviderConfig): string {
  const known = KNOWN.get(candidate);
  if (known?.provider === provider) return known.digest;
  const digest = sha256Hex(
    canonicalJson({
      base_url_host: provider.base_url === null ? null : new URL(provider.base_url).host,
      kind: provider.kind,
      model: candidate.model,
      weights: candidate.weights_digest ?? null,
    }),
  );
  KNOWN.set(candidate, { provider, digest });
  return digest;
}
