import { LIMITS } from "../../contracts/limits.ts";
import { err, ok, type Result } from "../../contracts/result.ts";
import { decodeHex, encodeHex } from "../hex.ts";
import { utf8 } from "../utf8.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { verifyEd25519 } from "./ed25519.ts";
import { idOfKey, isKeyName, type NoteKey } from "./verifier-key.ts";

export { formatVerifierKey, type NoteKey, noteKeyId, parseVerifierKey } from "./verifier-key.ts";

/** A key that signs; `sign` gives the Ed25519 signature over the bytes. */
export interface NoteSigner extends NoteKey {
  sign(message: Uint8Array): Uint8Array;
}

/** Whose signature line it is; name and id together identify a key. */
export interface NoteSignature {
  name: string;
  /** 8 hex characters. */
  keyId: string;
}

/**
 * `malformed`: no signed note. `too_large`, `too_many_signatures`: beyond the bounds of `limits.ts`.
 * `signature_invalid`: a trusted key's line does not verify. `no_trusted_signature`: no line is of a trusted key.
 */
export type NoteFault =
  | { reason: "malformed" | "too_large" | "too_many_signatures" | "no_trusted_signature" }
  | ({ reason: "signature_invalid" } & NoteSignature);

export interface OpenedNote {
  /** What was signed, with its final newline. */
  text: string;
  /** Trusted keys that signed it, each once. */
  verified: NoteSignature[];
  /** Lines of keys that are not known here: nothing was checked about them. */
  unverified: NoteSignature[];
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what a note must not have.
const CONTROL = /[\u0000-\u0009\u000b-\u001f]/;

/** A text that a note can carry: well-formed, no control characters but newline, a newline at its end. */
const isNoteText = (text: string): boolean => text.endsWith("\n") && text.isWellFormed() && !CONTROL.test(text);

/**
 * C2SP signed-note from signatures made elsewhere over the UTF-8 of `text`. Throws `RangeError` for a text, name, key id
 * or number of signatures that no note can carry.
 */
export function formatNote(text: string, signatures: readonly (NoteSignature & { signature: Uint8Array })[]): string {
  if (!isNoteText(text)) throw new RangeError("note: a text ends in a newline and has no other control characters");
  if (signatures.length < 1 || signatures.length > LIMITS.noteSignaturesMax)
    throw new RangeError(`note: 1 to ${LIMITS.noteSignaturesMax} signatures`);
  const lines = signatures.map(({ name, keyId, signature }) => {
    const id = decodeHex(keyId);
    if (!isKeyName(name) || id?.length !== 4) throw new RangeError("note: not a key name and key id");
    return `— ${name} ${encodeBase64(Uint8Array.of(...id, ...signature))}\n`;
  });
  return `${text}\n${lines.join("")}`;
}

/** `text` signed by each signer, in that order; see `formatNote`. */
export function signNote(text: string, signers: readonly NoteSigner[]): string {
  const message = utf8(text);
  return formatNote(
    text,
    signers.map((signer) => ({ name: signer.name, keyId: idOfKey(signer), signature: signer.sign(message) })),
  );
}

function parseLine(line: string): (NoteSignature & { signature: Uint8Array }) | null {
  const [dash, name, encoded, ...more] = line.split(" ");
  if (dash !== "—" || name === undefined || encoded === undefined || more.length > 0 || !isKeyName(name)) return null;
  const bytes = decodeBase64(encoded);
  if (bytes === null || bytes.length < 5) return null;
  return { name, keyId: encodeHex(bytes.subarray(0, 4)), signature: bytes.subarray(4) };
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function textOf(note: string | Uint8Array): string | null {
  if (typeof note === "string") return note.isWellFormed() ? note : null;
  try {
    return decoder.decode(note);
  } catch {
    return null; // The only thing `decode` throws for is bytes that are not UTF-8.
  }
}

/**
 * The text of a signed note, if a trusted key signed it. Lines of unknown keys are ignored, also where they share a name
 * or an id with a known one; each line of a known key must verify.
 */
export function openNote(note: string | Uint8Array, verifierKeys: readonly NoteKey[]): Result<OpenedNote, NoteFault> {
  if (note.length > LIMITS.noteBytesMax) return err({ reason: "too_large" });
  const whole = textOf(note);
  const border = whole?.lastIndexOf("\n\n") ?? -1;
  if (whole === null || border < 0 || !isNoteText(whole)) return err({ reason: "malformed" });
  const text = whole.slice(0, border + 1);
  const lines = whole.slice(border + 2, -1).split("\n");
  if (lines.length > LIMITS.noteSignaturesMax) return err({ reason: "too_many_signatures" });
  const message = utf8(text);
  const known = verifierKeys.map((key) => ({ key, keyId: idOfKey(key) }));
  const verified = new Map<string, NoteSignature>();
  const unverified: NoteSignature[] = [];
  for (const line of lines) {
    const parsed = parseLine(line);
    if (parsed === null) return err({ reason: "malformed" });
    const { name, keyId, signature } = parsed;
    const keys = known.filter(({ key, keyId: id }) => key.name === name && id === keyId);
    if (keys.length === 0) unverified.push({ name, keyId });
    else if (keys.some(({ key }) => verifyEd25519(key.publicKey, message, signature)))
      verified.set(`${name}+${keyId}`, { name, keyId });
    else return err({ reason: "signature_invalid", name, keyId });
  }
  if (verified.size === 0) return err({ reason: "no_trusted_signature" });
  return ok({ text, verified: [...verified.values()], unverified });
}
