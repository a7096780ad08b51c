import type { VerifierKey } from "../../../shared/contracts/ports/signer.ts";
import { ed25519PublicKey } from "../../../shared/crypto/log/ed25519.ts";
import { keyThumbprint, publicJwk, type SignatureAlgorithm } from "../../../shared/crypto/log/jwk-thumbprint.ts";
import { mlDsa65PublicKey } from "../../../shared/crypto/log/ml-dsa-65.ts";
import type { KeyPair } from "./key-document.ts";

const NAMES = { ed25519: "Ed25519", mldsa65: "ML-DSA-65" } as const satisfies Record<
  SignatureAlgorithm,
  VerifierKey["alg"]
>;

/** The public halves of a pair: about 5 ms, so keep them. */
export interface PublicPair {
  ed25519: { publicKey: Uint8Array; kid: string };
  mldsa65: { publicKey: Uint8Array; kid: string };
}

export function publicPair(pair: KeyPair): PublicPair {
  const ed25519 = ed25519PublicKey(pair.ed25519Seed);
  const mldsa65 = mlDsa65PublicKey(pair.mlDsa65Seed);
  return {
    ed25519: { publicKey: ed25519, kid: keyThumbprint("ed25519", ed25519) },
    mldsa65: { publicKey: mldsa65, kid: keyThumbprint("mldsa65", mldsa65) },
  };
}

/** Both keys as they are published, the Ed25519 key first. */
export const verifierKeys = (pair: KeyPair, keys: PublicPair): VerifierKey[] =>
  (["ed25519", "mldsa65"] as const).map((algorithm) => ({
    kid: keys[algorithm].kid,
    alg: NAMES[algorithm],
    jwk: publicJwk(algorithm, keys[algorithm].publicKey),
    not_before_ms: pair.notBeforeMs,
    not_after_ms: pair.notAfterMs,
    revoked: pair.revoked,
  }));
