import { hashing, type RunningHash } from "./hashing.ts";
import { encodeHex } from "./hex.ts";
import { sha256Hex } from "./sha256.ts";

export interface RunningCommitment {
  add(bytes: Uint8Array): void;
  /** Hex of SHA-256(salt16 ‖ bytes added so far). Ends the commitment. */
  end(): string;
}

/** Parts are gathered up to this before they are hashed: a stream's frames are small, and a call of a hash is not free. */
const GATHERED_BYTES = 16 * 1024;
const LF = 0x0a;

/** A commitment over parts joined by LF: the data payloads of a stream as they were delivered. */
export function runningCommitment(salt: Uint8Array): RunningCommitment {
  const gathered = new Uint8Array(GATHERED_BYTES);
  gathered.set(salt);
  let used = salt.length;
  let first = true;
  let running: RunningHash | null = null;
  const flush = (): RunningHash => {
    running ??= hashing().running();
    running.update(gathered.subarray(0, used));
    used = 0;
    return running;
  };
  return {
    add(bytes) {
      if (used + 1 + bytes.length > GATHERED_BYTES) flush();
      if (!first) gathered[used++] = LF;
      first = false;
      if (bytes.length >= GATHERED_BYTES - used) flush().update(bytes);
      else {
        gathered.set(bytes, used);
        used += bytes.length;
      }
    },
    end: () => (running ? encodeHex(flush().digest()) : sha256Hex(gathered.subarray(0, used))),
  };
}
