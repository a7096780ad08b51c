import { err, ok, type Result } from "../contracts/result.ts";
import { constantTimeEqual } from "../crypto/constant-time-equal.ts";
import type { Checkpoint } from "../crypto/log/checkpoint.ts";
import { type Fault, fault, shown } from "./fault.ts";
import type { TrustedKey } from "./keys-file.ts";
import type { Step } from "./report.ts";
import { openCheckpoint, type SignedCheckpoint } from "./signed-checkpoint.ts";

/** The checkpoint that the verifier's user kept: its note verifies under a trusted key that is not compromised. */
export function openOwnCheckpoint(note: Uint8Array, keys: readonly TrustedKey[]): Result<SignedCheckpoint, Fault> {
  const opened = openCheckpoint(note, null, keys);
  if (!opened.ok) return err({ ...opened.error, detail: `your checkpoint: ${opened.error.detail}` });
  return opened.value.signers.ed25519.some(({ revoked }) => revoked?.reason !== "compromised")
    ? ok(opened.value)
    : err(fault("key_compromised", "your checkpoint is signed by a compromised key alone"));
}

/** Same origin, and at the same size the same root. Of different sizes nothing follows. */
export function compareOwn(own: Checkpoint, theirs: Checkpoint): Step {
  if (own.origin !== theirs.origin)
    return { fault: fault("origin_differs", `your checkpoint is of ${shown(own.origin)}`) };
  if (own.size !== theirs.size)
    return {
      skipped: `yours is at size ${own.size}, this one at ${theirs.size}: an export of the period compares them`,
    };
  if (!constantTimeEqual(own.root, theirs.root))
    return { fault: fault("root_differs", `at size ${own.size} yours has another root: there are two logs`) };
  return { ok: `same root at size ${own.size} as yours` };
}
