import { ed25519 } from "@noble/curves/ed25519.js";

export const ED25519 = { seedBytes: 32, publicKeyBytes: 32, signatureBytes: 64 } as const;

/** The 32-byte public key of a 32-byte seed (RFC 8032 §5.1.5). Throws for another length. */
export const ed25519PublicKey = (seed: Uint8Array): Uint8Array => ed25519.getPublicKey(seed);

/** RFC 8032 §5.1.6, deterministic: the same text is signed to the same 64 bytes. Throws unless the seed is 32 bytes. */
export const signEd25519 = (seed: Uint8Array, message: Uint8Array): Uint8Array => ed25519.sign(message, seed);

/**
 * RFC 8032 §5.1.7 with canonical encodings only, and no public key of small order. False for whatever is not a
 * signature, also for wrong lengths; never throws.
 */
export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== ED25519.publicKeyBytes || signature.length !== ED25519.signatureBytes) return false;
  return ed25519.verify(signature, message, publicKey, { zip215: false });
}
