import { encodeHex } from "../hex.ts";
import { sha256 } from "../sha256.ts";
import { utf8 } from "../utf8.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { ED25519 } from "./ed25519.ts";

/** C2SP signed-note signature type of Ed25519. */
export const NOTE_ED25519 = 0x01;

/** Who may have signed a note: an Ed25519 key under a name. */
export interface NoteKey {
  name: string;
  /** 32 bytes. */
  publicKey: Uint8Array;
}

/** Non-empty, without Unicode white space, `+` or control characters, and well-formed. */
export const isKeyName = (name: string): boolean =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what a name must not have.
  name !== "" && !/[\p{White_Space}+\u0000-\u001f]/u.test(name) && name.isWellFormed();

/** C2SP signed-note: SHA-256(name ‖ 0x0A ‖ type ‖ public key), its first four bytes as 8 hex characters. */
export function noteKeyId(name: string, type: number, publicKey: Uint8Array): string {
  const prefix = utf8(`${name}\n`);
  const bytes = new Uint8Array(prefix.length + 1 + publicKey.length);
  bytes.set(prefix);
  bytes[prefix.length] = type;
  bytes.set(publicKey, prefix.length + 1);
  return encodeHex(sha256(bytes).subarray(0, 4));
}

/** The key id that an Ed25519 key has in signature lines. */
export const idOfKey = ({ name, publicKey }: NoteKey): string => noteKeyId(name, NOTE_ED25519, publicKey);

/** `name+hex(key id)+base64(0x01 ‖ public key)`. Throws `RangeError` for a name or key that no note can carry. */
export function formatVerifierKey(key: NoteKey): string {
  if (!isKeyName(key.name)) throw new RangeError("verifier key: not a key name");
  if (key.publicKey.length !== ED25519.publicKeyBytes) throw new RangeError("verifier key: a public key is 32 bytes");
  return `${key.name}+${idOfKey(key)}+${encodeBase64(Uint8Array.of(NOTE_ED25519, ...key.publicKey))}`;
}

/** The Ed25519 verifier key in `text`; null for another type, a wrong key id, or anything that is not exactly one. */
export function parseVerifierKey(text: string): NoteKey | null {
  const [, name, keyId, encoded] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/su.exec(text) ?? [];
  if (name === undefined || keyId === undefined || encoded === undefined || !isKeyName(name)) return null;
  const bytes = decodeBase64(encoded);
  if (bytes?.length !== 1 + ED25519.publicKeyBytes || bytes[0] !== NOTE_ED25519) return null;
  const key = { name, publicKey: bytes.slice(1) };
  return idOfKey(key) === keyId ? key : null;
}
