import { encodeBase64url } from "../base64url.ts";
import { canonicalJson } from "../canonical-json.ts";
import { sha256 } from "../sha256.ts";

/** What evidence is signed with: Ed25519 and ML-DSA-65. */
export const SIGNATURE_ALGORITHMS = ["ed25519", "mldsa65"] as const;
export type SignatureAlgorithm = (typeof SIGNATURE_ALGORITHMS)[number];

/** The public key as a JWK: OKP (RFC 8037 §2) or AKP (RFC 9964), required members only. */
export const publicJwk = (algorithm: SignatureAlgorithm, publicKey: Uint8Array): Record<string, string> =>
  algorithm === "ed25519"
    ? { crv: "Ed25519", kty: "OKP", x: encodeBase64url(publicKey) }
    : { alg: "ML-DSA-65", kty: "AKP", pub: encodeBase64url(publicKey) };

/** RFC 7638 SHA-256 thumbprint of that JWK, base64url: the `kid` of a key and the `keyid` of its signatures. */
export const keyThumbprint = (algorithm: SignatureAlgorithm, publicKey: Uint8Array): string =>
  encodeBase64url(sha256(canonicalJson(publicJwk(algorithm, publicKey))));
