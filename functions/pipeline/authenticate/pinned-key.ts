import { importJWK, type JWK } from "jose";
import { isJsonObject, type JsonObject, type JsonValue } from "../../../shared/contracts/json.ts";
import { decodeBase64url } from "../../../shared/crypto/base64url.ts";
import { hasRocaFingerprint } from "./roca.ts";

/** A public key with the algorithms it may verify: decided by the key, never by a token's header. */
export interface PinnedKey {
  kid: string | null;
  algorithms: readonly string[];
  key: CryptoKey;
}

const CURVES: Readonly<Record<string, readonly string[]>> = {
  "EC P-256": ["ES256"],
  "EC P-384": ["ES384"],
  "EC P-521": ["ES512"],
  // RFC 9864 names the same algorithm `Ed25519` that RFC 8037 called `EdDSA`.
  "OKP Ed25519": ["EdDSA", "Ed25519"],
};
const RSA = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
/** Any of these in a published key is secret material: the key is compromised or not a signature key. */
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/** The key's own algorithms; empty when it is not a signature key that is accepted. RSA without `alg` is RS256 (OIDC). */
function algorithmsOf(jwk: JsonObject): readonly string[] {
  if (jwk.kty === "RSA") {
    const named = jwk.alg === undefined ? "RS256" : RSA.find((algorithm) => algorithm === jwk.alg);
    return named !== undefined && acceptableRsa(jwk) ? [named] : [];
  }
  const fixed = CURVES[`${String(jwk.kty)} ${String(jwk.crv)}`] ?? [];
  return jwk.alg === undefined ? fixed : fixed.filter((algorithm) => algorithm === jwk.alg);
}

/** At least 2,048 bits, an odd exponent from 65,537 on, and not of the ROCA family. */
function acceptableRsa({ n, e }: JsonObject): boolean {
  const modulus = typeof n === "string" ? decodeBase64url(n) : null;
  const exponent = typeof e === "string" ? decodeBase64url(e) : null;
  if (modulus === null || exponent === null || exponent.length === 0 || exponent.length > 4) return false;
  const value = exponent.reduce((sum, byte) => sum * 256 + byte, 0);
  const leading = modulus[0] ?? 0;
  const bits = modulus.length * 8 - Math.clz32(leading) + 24;
  return (
    leading !== 0 &&
    bits >= 2_048 &&
    bits <= 8_192 &&
    value >= 65_537 &&
    value % 2 === 1 &&
    !hasRocaFingerprint(modulus)
  );
}

/** The imported key, or null for anything that must not verify a token. */
export async function pinnedKey(jwk: JsonValue): Promise<PinnedKey | null> {
  if (!isJsonObject(jwk) || PRIVATE_MEMBERS.some((member) => Object.hasOwn(jwk, member))) return null;
  if (jwk.use !== undefined && jwk.use !== "sig") return null;
  if (jwk.key_ops !== undefined && !(Array.isArray(jwk.key_ops) && jwk.key_ops.includes("verify"))) return null;
  if (jwk.kid !== undefined && typeof jwk.kid !== "string") return null;
  const algorithms = algorithmsOf(jwk);
  const [algorithm] = algorithms;
  if (algorithm === undefined) return null;
  const { kty, crv, n, e, x, y } = jwk;
  // safe because: the members are those of RFC 7518 for the checked kty, and the import validates each of them.
  const material = (kty === "RSA" ? { kty, n, e } : kty === "EC" ? { kty, crv, x, y } : { kty, crv, x }) as JWK;
  try {
    const key = await importJWK(material, algorithm);
    return key instanceof CryptoKey ? { kid: jwk.kid ?? null, algorithms, key } : null;
  } catch {
    // Points off the curve and malformed numbers: the key is unusable, others of the set may not be.
    return null;
  }
}
