import type { KeyPair } from "../../../functions/adapters/signer/key-document.ts";
import { keySetSigner } from "../../../functions/adapters/signer/key-set.ts";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import type { Signer } from "../../../shared/contracts/ports/signer.ts";

/** The cell's real signer with keys that every simulation shares. */
export function cellSigner(clock: Clock): Signer {
  const pair: KeyPair = {
    ...{ id: "simulated", ed25519Seed: new Uint8Array(32).fill(7), mlDsa65Seed: new Uint8Array(32).fill(11) },
    ...{ notBeforeMs: 0 as UnixMs, notAfterMs: null, revoked: null }, // safe because: zero is a time
  };
  return keySetSigner({ pairs: () => [pair], clock });
}
