import { type CryptoKey, importJWK, importSPKI, type JWK } from "jose";
import type { BundleAlgorithm } from "../../shared/contracts/config/bundles.ts";
import type { JsonObject } from "../../shared/contracts/json.ts";
import { encodeHex } from "../../shared/crypto/hex.ts";
import { Refused, refuse } from "./refusal.ts";

/** A key that may sign bundles of a layer, for one algorithm alone. */
export interface BundleKey {
  id: string;
  algorithm: BundleAlgorithm;
  /** A public key (PEM `PUBLIC KEY` or `RSA PUBLIC KEY`, or a JWK), or of HS256, HS384 and HS512 the secret's bytes. */
  key: string | JsonObject | Uint8Array;
}

/** A secret is at least as long as the hash (RFC 7518 §3.2). */
const SECRET_BYTES_MIN: Partial<Record<BundleAlgorithm, number>> = { HS256: 32, HS384: 48, HS512: 64 };

/** The key in the form that verifies. Refuses one that its own algorithm cannot use, so that a text is never taken for a secret. */
export async function importKey({ id, algorithm, key }: BundleKey): Promise<CryptoKey | Uint8Array> {
  const secretBytesMin = SECRET_BYTES_MIN[algorithm];
  if (secretBytesMin !== undefined)
    return key instanceof Uint8Array && key.length >= secretBytesMin
      ? key
      : refuse({ reason: "key_unusable", key: id });
  if (key instanceof Uint8Array) return refuse({ reason: "key_unusable", key: id });
  try {
    if (typeof key === "string") return await importSPKI(subjectPublicKeyInfo(key), algorithm);
    // safe because: importJWK checks every member that it reads and throws for what is no JWK
    const imported = await importJWK(key as JWK, algorithm);
    if (imported instanceof Uint8Array || imported.type !== "public") throw new TypeError("not a public key");
    return imported;
  } catch {
    return refuse({ reason: "key_unusable", key: id });
  }
}

/** RFC 7518 §3.3: a shorter RSA key verifies nothing. */
const RSA_BITS_MIN = 2048;
/** An elliptic curve is imported as the key has it: RFC 7518 §3.4 names one for each algorithm. */
const CURVES: Partial<Record<BundleAlgorithm, string>> = { ES256: "P-256", ES384: "P-384", ES512: "P-521" };

/** RFC 5480 §2.1.1.1: the object identifiers by which a `SubjectPublicKeyInfo` names its curve. */
const CURVE_OIDS: Readonly<Record<string, string>> = {
  "P-256": "06082a8648ce3d030107",
  "P-384": "06052b81040022",
  "P-521": "06052b81040023",
};

/** The curve that a key says it is on; null when it names none of these. */
function statedCurve(key: BundleKey["key"]): string | null {
  if (key instanceof Uint8Array) return null;
  if (typeof key !== "string") return typeof key.crv === "string" ? key.crv : null;
  const body = /^-----BEGIN PUBLIC KEY-----([\sA-Za-z0-9+/=]+)-----END PUBLIC KEY-----\s*$/.exec(key.trim())?.[1] ?? "";
  const head = encodeHex(Uint8Array.from(atob(body.replace(/\s/g, "")), (character) => character.charCodeAt(0))).slice(
    0,
    64,
  );
  return Object.keys(CURVE_OIDS).find((curve) => head.includes(CURVE_OIDS[curve] ?? "none")) ?? null;
}

/** Whether a public key is one that its algorithm can verify with. */
export async function isUsable(key: BundleKey): Promise<boolean> {
  if (SECRET_BYTES_MIN[key.algorithm] !== undefined) return false;
  try {
    const imported = await importKey(key);
    if (imported instanceof Uint8Array || imported.type !== "public") return false;
    const of = (member: string): unknown => Reflect.get(imported.algorithm, member);
    const bits = of("modulusLength");
    const curve = CURVES[key.algorithm];
    // What a runtime imported under a curve may be a key of another one: the key's own word counts.
    if (curve !== undefined) return statedCurve(key.key) === curve && of("namedCurve") === curve;
    return bits === undefined || Number(bits) >= RSA_BITS_MIN;
  } catch (thrown) {
    if (thrown instanceof Refused) return false;
    throw thrown;
  }
}

const PKCS1 = /^-----BEGIN RSA PUBLIC KEY-----([\sA-Za-z0-9+/=]+)-----END RSA PUBLIC KEY-----\s*$/;
/** `rsaEncryption` with its NULL parameters (RFC 8017, A.1). */
const RSA_ENCRYPTION = [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/** The PEM as `SubjectPublicKeyInfo`; an `RSAPublicKey` is wrapped into one. */
function subjectPublicKeyInfo(pem: string): string {
  const body = PKCS1.exec(pem.trim())?.[1];
  if (body === undefined) return pem;
  const bits = [0, ...Uint8Array.from(atob(body.replace(/\s/g, "")), (character) => character.charCodeAt(0))];
  const info = der(0x30, [...RSA_ENCRYPTION, ...der(0x03, bits)]);
  return `-----BEGIN PUBLIC KEY-----\n${btoa(String.fromCharCode(...info))}\n-----END PUBLIC KEY-----`;
}

function der(tag: number, content: readonly number[]): number[] {
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return [tag, ...size, ...content];
}
