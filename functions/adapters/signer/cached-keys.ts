import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import type { Signer, VerifierKey } from "../../../shared/contracts/ports/signer.ts";

/**
 * The same signer, its public keys asked for at most every 5 s: anybody may read them, and must not keep the signer busy.
 * Only answers are kept, never a promise: on Workers one would hang with the request that began it.
 */
export function cachedKeys(signer: Signer, clock: Clock): Signer {
  let known: { keys: VerifierKey[]; atMs: number } | null = null;
  return {
    ...signer,
    async keys() {
      const now = clock.now();
      if (known !== null && now >= known.atMs && now - known.atMs < LIMITS.signerKeysAgeMsMax)
        return structuredClone(known.keys);
      const keys = await signer.keys();
      known = { keys, atMs: now };
      return structuredClone(keys);
    },
  };
}
