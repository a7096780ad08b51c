import { err, ok, type Result } from "../contracts/result.ts";
import { hkdfSha256 } from "./hkdf.ts";
import { utf8 } from "./utf8.ts";

/**
 * A key under another one: `0x01 ‖ nonce12 ‖ AES-256-GCM(key32) ‖ tag16`. The wrapping key is
 * HKDF-SHA-256(parent, "bailiwick/wrap-key/v1"), so that a parent which also seals or derives never serves two purposes
 * with one key; nonces are random, and a parent wraps far fewer than 2^32 keys. Additional data are the version and the
 * names, each behind its length: a wrapped key opens in no other place of the tree.
 */
export const WRAPPED_KEY = { version: 1, nonceBytes: 12, keyBytes: 32, tagBytes: 16, bytes: 61 } as const;

/** The place of a key in the tree: tenant, what kind of key it is, and its name among those. */
export interface KeyNames {
  tenant: string;
  kind: "subject" | "conversation";
  name: string;
}

function additionalData({ tenant, kind, name }: KeyNames): Uint8Array<ArrayBuffer> {
  const texts = [tenant, kind, name].map(utf8);
  const joined = new Uint8Array(1 + texts.reduce((sum, text) => sum + 4 + text.length, 0));
  joined[0] = WRAPPED_KEY.version;
  let at = 1;
  for (const text of texts) {
    new DataView(joined.buffer).setUint32(at, text.length);
    joined.set(text, at + 4);
    at += 4 + text.length;
  }
  return joined;
}

async function cipherOf(parent: Uint8Array): Promise<CryptoKey> {
  if (parent.length !== WRAPPED_KEY.keyBytes) throw new RangeError("wrap-key: a parent key is 32 bytes");
  const derived = hkdfSha256(parent, undefined, "bailiwick/wrap-key/v1", WRAPPED_KEY.keyBytes);
  return crypto.subtle.importKey("raw", derived.slice(), "AES-GCM", false, ["encrypt", "decrypt"]);
}

/** A fresh 256-bit key. */
export const freshKey = (): Uint8Array<ArrayBuffer> => crypto.getRandomValues(new Uint8Array(WRAPPED_KEY.keyBytes));

/** `nonce` is only for test vectors: repeating one under the same parent breaks confidentiality. Throws `RangeError` unless both keys have 256 bits. */
export async function wrapKey(
  parent: Uint8Array,
  names: KeyNames,
  key: Uint8Array,
  nonce: Uint8Array = crypto.getRandomValues(new Uint8Array(WRAPPED_KEY.nonceBytes)),
): Promise<Uint8Array<ArrayBuffer>> {
  if (key.length !== WRAPPED_KEY.keyBytes) throw new RangeError("wrap-key: a key is 32 bytes");
  if (nonce.length !== WRAPPED_KEY.nonceBytes) throw new RangeError("wrap-key: a nonce is 12 bytes");
  const algorithm = { name: "AES-GCM", iv: nonce.slice(), additionalData: additionalData(names) };
  const sealed = new Uint8Array(await crypto.subtle.encrypt(algorithm, await cipherOf(parent), key.slice()));
  const wrapped = new Uint8Array(WRAPPED_KEY.bytes);
  wrapped[0] = WRAPPED_KEY.version;
  wrapped.set(nonce, 1);
  wrapped.set(sealed, 1 + WRAPPED_KEY.nonceBytes);
  return wrapped;
}

export type UnwrapRefusal =
  /** Not this format, or a version that this code does not know. */
  | { reason: "not_wrapped" }
  /** Another parent, another place, or altered bytes: indistinguishable by design. */
  | { reason: "not_authentic" };

/** The key, or why not. Throws `RangeError` unless the parent has 256 bits. */
export async function unwrapKey(
  parent: Uint8Array,
  names: KeyNames,
  wrapped: Uint8Array,
): Promise<Result<Uint8Array<ArrayBuffer>, UnwrapRefusal>> {
  if (wrapped.length !== WRAPPED_KEY.bytes || wrapped[0] !== WRAPPED_KEY.version) return err({ reason: "not_wrapped" });
  const iv = wrapped.slice(1, 1 + WRAPPED_KEY.nonceBytes);
  const algorithm = { name: "AES-GCM", iv, additionalData: additionalData(names) };
  const cipher = await cipherOf(parent);
  try {
    return ok(
      new Uint8Array(await crypto.subtle.decrypt(algorithm, cipher, wrapped.slice(1 + WRAPPED_KEY.nonceBytes))),
    );
  } catch {
    // WebCrypto tells no cause for a failed tag, and none may be told.
    return err({ reason: "not_authentic" });
  }
}
