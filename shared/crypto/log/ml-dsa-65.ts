import { ml_dsa65 } from "@noble/post-quantum/ml-dsa.js";

export const ML_DSA_65 = { seedBytes: 32, publicKeyBytes: 1_952, signatureBytes: 3_309 } as const;

/** The 1,952-byte public key of a 32-byte seed (FIPS 204 Algorithm 6). Throws for another length. */
export const mlDsa65PublicKey = (seed: Uint8Array): Uint8Array => ml_dsa65.keygen(seed).publicKey;

/**
 * FIPS 204 pure mode with an empty context, in its deterministic variant: whoever repeats an archive write after a crash
 * writes the same 3,309 bytes. The returned function keeps the expanded key. Throws unless the seed is 32 bytes.
 */
export function mlDsa65Signer(seed: Uint8Array): (message: Uint8Array) => Uint8Array {
  const { secretKey } = ml_dsa65.keygen(seed);
  return (message) => ml_dsa65.sign(message, secretKey, { extraEntropy: false });
}

/** One signature from the seed; expands the key anew, so keep a `mlDsa65Signer` where more follow. */
export const signMlDsa65 = (seed: Uint8Array, message: Uint8Array): Uint8Array => mlDsa65Signer(seed)(message);

/** False for whatever is not a signature under the empty context, also for wrong lengths; never throws. */
export function verifyMlDsa65(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== ML_DSA_65.publicKeyBytes || signature.length !== ML_DSA_65.signatureBytes) return false;
  return ml_dsa65.verify(signature, message, publicKey);
}
