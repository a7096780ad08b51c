import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  type JsonWebKey,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";

/** What one operation of WebCrypto comes to, known at once. */
export type Known = { ok: true; value: unknown } | { ok: false; cause: unknown };

/** An AES-GCM key; it says no more of itself than a platform's own does. */
class SyncKey {
  readonly type = "secret";
  readonly extractable = false;
  readonly algorithm: { name: string; length: number };
  readonly usages: readonly string[];
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, usages: readonly string[]) {
    this.#bytes = bytes;
    this.usages = usages;
    this.algorithm = { name: "AES-GCM", length: bytes.length * 8 };
  }
  static bytesOf(key: SyncKey): Uint8Array {
    return key.#bytes;
  }
}

interface Gcm {
  name: string;
  iv: Uint8Array;
  additionalData?: Uint8Array;
}

const TAG_BYTES = 16;
const isGcm = (algorithm: unknown): algorithm is Gcm =>
  typeof algorithm === "object" &&
  algorithm !== null &&
  "name" in algorithm &&
  algorithm.name === "AES-GCM" &&
  (!("tagLength" in algorithm) || algorithm.tagLength === 128);

const cipherName = (key: Uint8Array) => (key.length === 32 ? "aes-256-gcm" : "aes-128-gcm");
const joined = (...parts: Uint8Array[]): ArrayBuffer => new Uint8Array(Buffer.concat(parts)).buffer;

function encrypted({ iv, additionalData }: Gcm, key: Uint8Array, plain: Uint8Array): Known {
  const cipher = createCipheriv(cipherName(key), key, iv);
  if (additionalData) cipher.setAAD(additionalData);
  return { ok: true, value: joined(cipher.update(plain), cipher.final(), cipher.getAuthTag()) };
}

function decrypted({ iv, additionalData }: Gcm, key: Uint8Array, sealed: Uint8Array): Known {
  try {
    const decipher = createDecipheriv(cipherName(key), key, iv);
    if (additionalData) decipher.setAAD(additionalData);
    decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
    return { ok: true, value: joined(decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()) };
  } catch {
    return { ok: false, cause: new DOMException("The operation failed.", "OperationError") };
  }
}

/** Ed25519 with a key of the platform. */
function signature(name: string, key: CryptoKey, given: readonly unknown[]): Known | null {
  const own = keyObjects.get(key);
  if (own === undefined) return null;
  const bytes = given.filter((item) => item instanceof Uint8Array);
  const [first, second] = bytes;
  if (first === undefined || bytes.length !== given.length) return null;
  if (name === "sign" && second === undefined) return { ok: true, value: joined(sign(null, first, own)) };
  return name === "verify" && second !== undefined ? { ok: true, value: verify(null, second, own, first) } : null;
}
const keyObjects = new WeakMap<CryptoKey, KeyObject>();
/** What a key of the platform was imported from: the synchronous library is then given the same. */
export function imported(key: unknown, given: readonly unknown[]): void {
  const [format, jwk] = given;
  if (format !== "jwk" || !(key instanceof CryptoKey) || key.algorithm.name !== "Ed25519") return;
  // safe because: the platform has just taken it for one
  const from = { format: "jwk", key: jwk as JsonWebKey } as const;
  keyObjects.set(key, key.type === "private" ? createPrivateKey(from) : createPublicKey(from));
}

const isEd25519 = (algorithm: unknown): boolean =>
  typeof algorithm === "object" && algorithm !== null && "name" in algorithm && algorithm.name === "Ed25519";

/**
 * The same operation by the platform's synchronous library, where it is one that cells use often: AES-GCM over bytes,
 * SHA-256, and signatures with Ed25519. Null: it is another, and WebCrypto's own to do.
 */
export function knownNow(name: string, given: readonly unknown[]): Known | null {
  const [first, second, third] = given;
  if (name === "importKey") {
    const [, , algorithm, extractable, usages] = given;
    if (first !== "raw" || algorithm !== "AES-GCM" || extractable !== false) return null;
    if (!(second instanceof Uint8Array) || (second.length !== 16 && second.length !== 32)) return null;
    return { ok: true, value: new SyncKey(second.slice(), Array.isArray(usages) ? usages : []) };
  }
  if (name === "digest" && first === "SHA-256" && second instanceof Uint8Array)
    return { ok: true, value: joined(createHash("sha256").update(second).digest()) };
  if (isEd25519(first) && second instanceof CryptoKey) return signature(name, second, given.slice(2));
  if (!isGcm(first) || !(second instanceof SyncKey) || !(third instanceof Uint8Array)) return null;
  if (name === "encrypt") return encrypted(first, SyncKey.bytesOf(second), third);
  return name === "decrypt" ? decrypted(first, SyncKey.bytesOf(second), third) : null;
}
