import { ed25519 } from "@noble/curves/ed25519.js";
import { encodeBase64url } from "./base64url.ts";
import { sha256Hex } from "./sha256.ts";

/** One public key as a JWK set lists it (RFC 8037). */
export interface PublicKey {
  kty: "OKP";
  crv: "Ed25519";
  x: string;
  kid: string;
  alg: "EdDSA";
  use: "sig";
}

/** 16 characters of the thumbprint of the public key. */
const KID_CHARS = 16;

/** The public half of an Ed25519 seed. */
export function publicKeyOf(seed: Uint8Array): PublicKey {
  const x = encodeBase64url(ed25519.getPublicKey(seed));
  // RFC 7638: required members in lexical order.
  const kid = sha256Hex(JSON.stringify({ crv: "Ed25519", kty: "OKP", x })).slice(0, KID_CHARS);
  return { kty: "OKP", crv: "Ed25519", x, kid, alg: "EdDSA", use: "sig" };
}
