import { COMMITMENT_SALT_BYTES } from "./commitment.ts";
import { hashing } from "./hashing.ts";
import { encodeHex } from "./hex.ts";
import { hmacSha256 } from "./hmac-sha256.ts";
import { utf8 } from "./utf8.ts";

/**
 * The salt of one commitment of a task, derived from the tenant's data key: nobody can guess it, evidence can disclose
 * it, and erasing the data key makes the commitment unlinkable without any stored salt (docs/adr).
 */
export const commitmentSalt = (dataKey: Uint8Array, task: string, part: "request" | "response"): Uint8Array =>
  hmacSha256(dataKey, `commitment:${part}:${task}`).subarray(0, COMMITMENT_SALT_BYTES);

export interface RunningCommitment {
  add(bytes: Uint8Array): void;
  /** Hex of SHA-256(salt16 ‖ bytes added so far). Ends the commitment. */
  end(): string;
}

/** A commitment over parts joined by LF: the data payloads of a stream as they were delivered. */
export function runningCommitment(salt: Uint8Array): RunningCommitment {
  const hash = hashing().running();
  hash.update(salt);
  let first = true;
  return {
    add(bytes) {
      if (!first) hash.update(LF);
      first = false;
      hash.update(bytes);
    },
    end: () => encodeHex(hash.digest()),
  };
}
const LF = utf8("\n");
