import type { KeyPair } from "../../../functions/adapters/signer/key-document.ts";
import { keySetSigner } from "../../../functions/adapters/signer/key-set.ts";
import { keysDocument } from "../../../functions/evidence/keys-document.ts";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import type { Signer } from "../../../shared/contracts/ports/signer.ts";
import { CELL, OTHER } from "./config.ts";

/** What the logs of both cells are named after. */
export const LOG_ORIGIN = "log.example.com";

const pair = (id: string, byte: number): KeyPair => ({
  ...{ id, ed25519Seed: new Uint8Array(32).fill(byte), mlDsa65Seed: new Uint8Array(32).fill(byte + 4) },
  ...{ notBeforeMs: 0 as UnixMs, notAfterMs: null, revoked: null }, // safe because: zero is a time
});
const PAIRS: Readonly<Record<string, KeyPair>> = {
  [CELL.id]: pair("simulated", 7),
  [OTHER.id]: pair("other", 23),
};
let now: Clock = { now: () => 0 as UnixMs }; // safe because: zero is a time
/** Their keys are derived once: that is a third of what publishing a ledger costs. */
const signers = new Map(
  Object.entries(PAIRS).map(([id, one]) => [id, keySetSigner({ pairs: () => [one], clock: { now: () => now.now() } })]),
);
// Now, while randomness is nobody's: no seed draws more of it than another because it came first.
const documents = await Promise.all(
  [...signers].map(async ([id, signer]) => keysDocument(id, LOG_ORIGIN, await signer.keys())),
);

/** A cell's real signer with keys that every simulation shares, from now on by this clock. */
export function cellSigner(clock: Clock, cell: string): Signer {
  now = clock;
  const signer = signers.get(cell);
  if (signer === undefined) throw new Error(`no signer of ${cell}`);
  return signer;
}

/** The keys of both cells, as one file: what a log that moved is verified with. */
export const KEYS_FILE = JSON.stringify({ schema_version: 1, keys: documents.flatMap(({ keys }) => keys) });
