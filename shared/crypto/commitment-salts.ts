import { COMMITMENT_SALT_BYTES } from "./commitment.ts";
import { sha256 } from "./sha256.ts";
import { utf8 } from "./utf8.ts";

/** Salts of a task's two commitments. */
export interface CommitmentSalts {
  request: Uint8Array;
  response: Uint8Array;
}

const COUNTER = Uint8Array.of(0, 0, 0, 1);
const PURPOSE = utf8("bailiwick/commitment-salts/v2");

/**
 * Both salts of a task from one hash over the tenant's data key (the one-step key derivation of NIST SP 800-56C rev. 2
 * §4.1: SHA-256(counter ‖ key ‖ fixed info)): nobody can guess them, either can be disclosed without the other, and
 * erasing the data key makes the commitments unlinkable without any stored salt (ADR 0007).
 */
export function commitmentSalts(dataKey: Uint8Array, task: string): CommitmentSalts {
  const name = utf8(task);
  const joined = new Uint8Array(COUNTER.length + dataKey.length + PURPOSE.length + 1 + name.length);
  joined.set(COUNTER);
  joined.set(dataKey, COUNTER.length);
  joined.set(PURPOSE, COUNTER.length + dataKey.length);
  // A zero byte ends the purpose, so that no task's name can continue it.
  joined.set(name, joined.length - name.length);
  const derived = sha256(joined);
  return {
    request: derived.subarray(0, COMMITMENT_SALT_BYTES),
    response: derived.subarray(COMMITMENT_SALT_BYTES, 2 * COMMITMENT_SALT_BYTES),
  };
}
