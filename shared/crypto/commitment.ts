import { constantTimeEqual } from "./constant-time-equal.ts";
import { sha256, sha256Hex } from "./sha256.ts";
import { toBytes } from "./utf8.ts";

/** A commitment's salt: erasing it makes the commitment unlinkable to its content (DESIGN §7). */
export const COMMITMENT_SALT_BYTES = 16;

function salted(salt: Uint8Array, data: Uint8Array | string): Uint8Array {
  if (salt.length !== COMMITMENT_SALT_BYTES)
    throw new RangeError(`commitment: a salt is ${COMMITMENT_SALT_BYTES} bytes`);
  const bytes = toBytes(data);
  const joined = new Uint8Array(salt.length + bytes.length);
  joined.set(salt);
  joined.set(bytes, salt.length);
  return joined;
}

/** SHA-256(salt16 ‖ bytes). Throws on another salt length: a bare digest of a short text can be guessed. */
export const commitment = (salt: Uint8Array, data: Uint8Array | string): Uint8Array => sha256(salted(salt, data));

/** The same as hex, as the ledger has it. */
export const commitmentHex = (salt: Uint8Array, data: Uint8Array | string): string => sha256Hex(salted(salt, data));

/** Whether `data` under the disclosed `salt` is what was committed to. */
export const opensCommitment = (committed: Uint8Array, salt: Uint8Array, data: Uint8Array | string): boolean =>
  salt.length === COMMITMENT_SALT_BYTES && constantTimeEqual(committed, commitment(salt, data));
