import { constantTimeEqual } from "../crypto/constant-time-equal.ts";
import type { Checkpoint } from "../crypto/log/checkpoint.ts";
import { DsseEnvelope } from "../crypto/log/dsse.ts";
import { readDocument } from "./export-manifest.ts";
import { type Fault, fault } from "./fault.ts";
import type { TrustedKey } from "./keys-file.ts";
import { openCheckpoint, readCheckpoint } from "./signed-checkpoint.ts";
import { judgeSigners, type SignedDuring, type Signers } from "./trust.ts";

/** A checkpoint of a file: what it says, and who signed it as far as that could be checked. */
export interface HeldCheckpoint extends Checkpoint {
  /** Null without keys. */
  signed: { signers: Signers } | { fault: Fault } | null;
  /** `at` of the newest entry that it covers, once that has passed by. */
  newestMs: number | null;
}

/** Null when the note is no checkpoint at all. */
export function holdCheckpoint(
  note: Uint8Array,
  envelopeFile: Uint8Array,
  keys: readonly TrustedKey[] | null,
): HeldCheckpoint | null {
  const read = readCheckpoint(note);
  if (read === null) return null;
  const { origin, size, root, extensions } = read;
  const held = { origin, size, root, extensions, newestMs: null };
  if (keys === null) return { ...held, signed: null };
  const envelope = readDocument(envelopeFile, DsseEnvelope, "the checkpoint's envelope");
  if (!envelope.ok) return { ...held, signed: { fault: envelope.error } };
  const opened = openCheckpoint(note, envelope.value, keys);
  return { ...held, signed: opened.ok ? { signers: opened.value.signers } : { fault: opened.error } };
}

/** What is wrong with its signatures, judged by the time of its newest entry, or by `otherwise` if that is not at hand. */
export function signingFault({ signed, newestMs }: HeldCheckpoint, otherwise: SignedDuring): Fault | null {
  if (signed === null) return null;
  if ("fault" in signed) return signed.fault;
  return judgeSigners(signed.signers, newestMs === null ? otherwise : { fromMs: newestMs, toMs: newestMs });
}

/** Whether a checkpoint belongs to the tree whose root at its size is `root`; null: the tree cannot tell. */
export function treeFault({ size, root: stated }: Checkpoint, root: Uint8Array | null): Fault | null {
  if (root === null) return fault("tile_missing", `the tiles do not tell the root at size ${size}`);
  return constantTimeEqual(root, stated)
    ? null
    : fault("root_differs", `the checkpoint at size ${size} is of another tree`);
}
