import type { VerifierKey } from "../../shared/contracts/ports/signer.ts";
import { decodeBase64url } from "../../shared/crypto/base64url.ts";
import { formatVerifierKey } from "../../shared/crypto/log/note.ts";

const time = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

/** The keys document of docs/ledger.md §3. `origin` is the deployment's; the cell's own log is `<origin>/<cell>/_cell`. */
export const keysDocument = (cell: string, origin: string, keys: readonly VerifierKey[]) => ({
  schema_version: 1 as const,
  cell,
  origin,
  keys: keys.map(({ kid, alg, jwk, not_before_ms, not_after_ms, revoked }) => {
    const publicKey = alg === "Ed25519" ? decodeBase64url(jwk.x ?? "") : null;
    return {
      kid,
      alg,
      jwk: { ...jwk },
      not_before: new Date(not_before_ms).toISOString(),
      not_after: time(not_after_ms),
      revoked: revoked === null ? null : { at: new Date(revoked.at_ms).toISOString(), reason: revoked.reason },
      ...(publicKey === null ? {} : { vkey: formatVerifierKey({ name: `${origin}/${cell}/_cell`, publicKey }) }),
    };
  }),
});
