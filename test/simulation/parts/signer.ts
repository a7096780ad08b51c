import type { KeyPair } from "../../../functions/adapters/signer/key-document.ts";
import { keySetSigner } from "../../../functions/adapters/signer/key-set.ts";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import type { Signer } from "../../../shared/contracts/ports/signer.ts";

const PAIR: KeyPair = {
  ...{ id: "simulated", ed25519Seed: new Uint8Array(32).fill(7), mlDsa65Seed: new Uint8Array(32).fill(11) },
  ...{ notBeforeMs: 0 as UnixMs, notAfterMs: null, revoked: null }, // safe because: zero is a time
};
let now: Clock = { now: () => PAIR.notBeforeMs };
/** Its keys are derived once: that is a third of what publishing a ledger costs. */
const signer = keySetSigner({ pairs: () => [PAIR], clock: { now: () => now.now() } });
// Now, while randomness is nobody's: no seed draws more of it than another because it came first.
await signer.keys();

/** The cell's real signer with keys that every simulation shares, from now on by this clock. */
export function cellSigner(clock: Clock): Signer {
  now = clock;
  return signer;
}
