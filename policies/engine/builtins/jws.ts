import { ed25519 } from "@noble/curves/ed25519.js";
import { p256, p384, p521 } from "@noble/curves/nist.js";
import { builtinError } from "../failure.ts";
import { spend } from "../meter.ts";
import { hash as digestFor, equalBytes, mac } from "./hashing.ts";
import { type CurveName, FIELD_BYTES, type PrivateKey, type PublicKey } from "./keys.ts";
import { type RsaHash, signPkcs1, signPss, verifyPkcs1, verifyPss } from "./rsa.ts";

/** All that is known about an algorithm (RFC 7518, 3.1; RFC 8037). */
type Algorithm =
  | { family: "rsa" | "pss" | "hmac"; hash: RsaHash }
  | { family: "ec"; hash: RsaHash; curve: CurveName }
  | { family: "ed25519" };

export const ALGORITHMS = {
  RS256: { family: "rsa", hash: "sha256" },
  RS384: { family: "rsa", hash: "sha384" },
  RS512: { family: "rsa", hash: "sha512" },
  PS256: { family: "pss", hash: "sha256" },
  PS384: { family: "pss", hash: "sha384" },
  PS512: { family: "pss", hash: "sha512" },
  ES256: { family: "ec", hash: "sha256", curve: "P-256" },
  ES384: { family: "ec", hash: "sha384", curve: "P-384" },
  ES512: { family: "ec", hash: "sha512", curve: "P-521" },
  HS256: { family: "hmac", hash: "sha256" },
  HS384: { family: "hmac", hash: "sha384" },
  HS512: { family: "hmac", hash: "sha512" },
  EdDSA: { family: "ed25519" },
} as const satisfies Record<string, Algorithm>;
export type AlgorithmName = keyof typeof ALGORITHMS;

export const isAlgorithm = (name: string): name is AlgorithmName => Object.hasOwn(ALGORITHMS, name);

export const CURVES = { "P-256": p256, "P-384": p384, "P-521": p521 } as const;
/** One elliptic-curve operation takes about a millisecond. */
const CURVE_STEPS = 20_000;

/** Runs a library's check of untrusted bytes; what it cannot read is not verified. */
function verdict(check: () => boolean): boolean {
  spend(CURVE_STEPS);
  try {
    return check();
  } catch {
    return false;
  }
}

/** Whether the signature is the key's over the message; false also for a key of another kind. */
export function verifySignature(
  name: AlgorithmName,
  key: PublicKey,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const algorithm: Algorithm = ALGORITHMS[name];
  switch (algorithm.family) {
    case "rsa":
      return key.type === "rsa" && verifyPkcs1(key, algorithm.hash, message, signature);
    case "pss":
      return key.type === "rsa" && verifyPss(key, algorithm.hash, message, signature);
    case "hmac":
      return key.type === "secret" && equalBytes(mac(algorithm.hash, key.bytes, message), signature);
    case "ed25519":
      return key.type === "ed25519" && verdict(() => ed25519.verify(signature, message, key.point));
    case "ec":
      return key.type === "ec" && verifyEcdsa(key.curve, algorithm.hash, key.point, message, signature);
  }
}

/** Both halves of the signature have the length of the key's own curve. */
function verifyEcdsa(
  curve: CurveName,
  name: RsaHash,
  point: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (signature.length !== 2 * FIELD_BYTES[curve]) return false;
  return verdict(() =>
    CURVES[curve].verify(signature, digestFor(name, message), point, {
      prehash: false,
      lowS: false,
      format: "compact",
    }),
  );
}

/** Signs as RFC 6979 says for ECDSA, so that a signature needs no randomness; PSS salts come from `random`. */
export function sign(
  name: AlgorithmName,
  key: PrivateKey,
  message: Uint8Array,
  random: ((bytes: Uint8Array<ArrayBuffer>) => void) | undefined,
): Uint8Array {
  const algorithm: Algorithm = ALGORITHMS[name];
  switch (algorithm.family) {
    case "rsa":
      if (key.type === "rsa") return signPkcs1(key, algorithm.hash, message);
      break;
    case "pss":
      if (key.type !== "rsa") break;
      if (random === undefined) throw builtinError("no randomness was given to this evaluation");
      return signPss(key, algorithm.hash, message, random);
    case "hmac":
      if (key.type === "secret") return mac(algorithm.hash, key.bytes, message);
      break;
    case "ed25519":
      spend(CURVE_STEPS);
      if (key.type === "ed25519" && key.secret.length === 32) return ed25519.sign(message, key.secret);
      break;
    case "ec":
      spend(CURVE_STEPS);
      if (key.type === "ec" && key.curve === algorithm.curve) {
        return CURVES[key.curve].sign(digestFor(algorithm.hash, message), key.secret, {
          prehash: false,
          lowS: false,
          format: "compact",
        });
      }
  }
  throw builtinError(`the key does not fit algorithm ${name}`);
}
