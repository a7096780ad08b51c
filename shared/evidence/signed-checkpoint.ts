import { err, ok, type Result } from "../contracts/result.ts";
import { encodeHex } from "../crypto/hex.ts";
import { type Checkpoint, parseCheckpoint } from "../crypto/log/checkpoint.ts";
import type { DsseEnvelope } from "../crypto/log/dsse.ts";
import { type NoteFault, noteKeyId, openNote } from "../crypto/log/note.ts";
import { NOTE_ED25519 } from "../crypto/log/verifier-key.ts";
import { type Fault, fault, shown } from "./fault.ts";
import type { TrustedKey } from "./keys-file.ts";
import { type Signers, verifyEnvelope } from "./trust.ts";

/** DSSE payload type of a checkpoint's text. */
export const CHECKPOINT_PAYLOAD_TYPE = "application/vnd.bailiwick.checkpoint";

export interface SignedCheckpoint extends Checkpoint {
  /** Keys whose signatures verified, whether in force or not. */
  signers: Signers;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What a note says, before any signature was looked at; null when it is no checkpoint of ours. */
export function readCheckpoint(note: Uint8Array | string): (Checkpoint & { text: string }) | null {
  let whole: string;
  try {
    whole = typeof note === "string" ? note : decoder.decode(note);
  } catch {
    return null; // `decode` throws for bytes that are not UTF-8, and for nothing else.
  }
  const text = whole.slice(0, whole.lastIndexOf("\n\n") + 1);
  const checkpoint = parseCheckpoint(text);
  return checkpoint === null || checkpoint.extensions.length > 0 ? null : { ...checkpoint, text };
}

/**
 * A checkpoint whose note verifies under an Ed25519 key named by its origin, and whose envelope, where one is given,
 * verifies under an ML-DSA-65 key over the very same text. `envelope` null: the note alone is looked at.
 */
export function openCheckpoint(
  note: Uint8Array | string,
  envelope: DsseEnvelope | null,
  keys: readonly TrustedKey[],
): Result<SignedCheckpoint, Fault> {
  const read = readCheckpoint(note);
  if (read === null) return err(fault("checkpoint_malformed", "not a checkpoint in a signed note"));
  const { text, ...checkpoint } = read;
  const named = keys
    .filter(({ algorithm }) => algorithm === "ed25519")
    .map((key) => ({ key, keyId: noteKeyId(checkpoint.origin, NOTE_ED25519, key.publicKey) }));
  const opened = openNote(
    note,
    named.map(({ key: { publicKey } }) => ({ name: checkpoint.origin, publicKey })),
  );
  if (!opened.ok) return err(noteFault(opened.error));
  const ed25519 = named
    .filter(({ keyId }) => opened.value.verified.some((signature) => signature.keyId === keyId))
    .map(({ key }) => key);
  if (envelope === null) return ok({ ...checkpoint, signers: { ed25519, mldsa65: [] } });
  if (envelope.payloadType !== CHECKPOINT_PAYLOAD_TYPE)
    return err(fault("payload_type_unknown", `the checkpoint's envelope is a ${shown(envelope.payloadType)}`));
  const verified = verifyEnvelope(envelope, keys, "mldsa65");
  if (!verified.ok) return err({ ...verified.error, detail: `the checkpoint's envelope: ${verified.error.detail}` });
  if (encodeHex(verified.value.body) !== encodeHex(new TextEncoder().encode(text)))
    return err(fault("text_differs", "the checkpoint's envelope is over another text than its note"));
  return ok({ ...checkpoint, signers: { ed25519, mldsa65: verified.value.signers.mldsa65 } });
}

function noteFault(found: NoteFault): Fault {
  switch (found.reason) {
    case "no_trusted_signature":
      return fault("key_unknown", "no line of the note is by a trusted Ed25519 key under its origin");
    case "signature_invalid":
      return fault("signature_invalid", `the note's line of key ${found.keyId} does not verify`);
    case "malformed":
      return fault("checkpoint_malformed", "not a signed note");
    case "too_large":
    case "too_many_signatures":
      return fault("too_large", "the note is larger than notes are");
  }
}
