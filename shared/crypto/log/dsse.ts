import { err, ok, type Result } from "../../contracts/result.ts";
import { constantTimeEqual } from "../constant-time-equal.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { DsseEnvelope, pae } from "./dsse-envelope.ts";
import { ED25519, ed25519PublicKey, signEd25519, verifyEd25519 } from "./ed25519.ts";
import { keyThumbprint, SIGNATURE_ALGORITHMS, type SignatureAlgorithm } from "./jwk-thumbprint.ts";
import { ML_DSA_65, mlDsa65PublicKey, mlDsa65Signer, verifyMlDsa65 } from "./ml-dsa-65.ts";

export { DsseEnvelope, formatDsse, pae, parseDsse } from "./dsse-envelope.ts";

export interface DsseSigner {
  /** `keyThumbprint` of its public key. */
  keyid: string;
  sign(message: Uint8Array): Uint8Array;
}

export const ed25519DsseSigner = (seed: Uint8Array): DsseSigner => ({
  keyid: keyThumbprint("ed25519", ed25519PublicKey(seed)),
  sign: (message) => signEd25519(seed, message),
});

export const mlDsa65DsseSigner = (seed: Uint8Array): DsseSigner => ({
  keyid: keyThumbprint("mldsa65", mlDsa65PublicKey(seed)),
  sign: mlDsa65Signer(seed),
});

/** `body` under `type`, signed by each signer in that order. */
export function signDsse(type: string, body: Uint8Array, signers: readonly DsseSigner[]): DsseEnvelope {
  const message = pae(type, body);
  return {
    payloadType: type,
    payload: encodeBase64(body),
    signatures: signers.map(({ keyid, sign }) => ({ keyid, sig: encodeBase64(sign(message)) })),
  };
}

/** Public keys that the verifier trusts. */
export interface DsseKeys {
  ed25519: readonly Uint8Array[];
  mldsa65: readonly Uint8Array[];
}

/** `both`: one signature of each kind. `mldsa65`: one of that kind; others are checked if their key is known. */
export type DssePolicy = "both" | "mldsa65";

/**
 * `malformed`: no envelope, or a signature that no algorithm here makes. `signature_duplicated`: the same signature or
 * the same key twice. `signature_invalid`: names a trusted key and does not verify under it. `key_unknown`: the only
 * signatures of a demanded kind are by no trusted key. `signature_missing`: there is none of a demanded kind.
 * `at` is the place in `signatures`.
 */
export type DsseFault =
  | { reason: "malformed" }
  | { reason: "signature_duplicated" | "signature_invalid"; at: number }
  | { reason: "signature_missing" | "key_unknown"; algorithm: SignatureAlgorithm };

export interface VerifiedKey {
  algorithm: SignatureAlgorithm;
  /** Thumbprint of the key that verified, whatever the envelope called it. */
  keyid: string;
  publicKey: Uint8Array;
}

export interface VerifiedDsse {
  payloadType: string;
  body: Uint8Array;
  /** Trusted keys that signed it, in the envelope's order. */
  keys: VerifiedKey[];
  /** Signatures by keys that are not trusted here: nothing was checked about them. */
  unknown: number;
}

const DEMANDED: Record<DssePolicy, readonly SignatureAlgorithm[]> = {
  both: SIGNATURE_ALGORITHMS,
  mldsa65: ["mldsa65"],
};
const VERIFY = { ed25519: verifyEd25519, mldsa65: verifyMlDsa65 } as const;

function algorithmOf(signature: Uint8Array): SignatureAlgorithm | null {
  if (signature.length === ED25519.signatureBytes) return "ed25519";
  return signature.length === ML_DSA_65.signatureBytes ? "mldsa65" : null;
}

/**
 * The envelope's body, if the policy is met. A key id is only a hint: it picks the one trusted key to try, so that a
 * wrong one can make a signature fail but never pass, and without a known one every trusted key of the kind is tried.
 * Signatures of keys that are not trusted do not count. The caller compares `payloadType` with the one expected.
 */
export function verifyDsse(
  envelope: DsseEnvelope,
  trusted: DsseKeys,
  policy: DssePolicy,
): Result<VerifiedDsse, DsseFault> {
  const shape = DsseEnvelope.safeParse(envelope);
  if (!shape.success) return err({ reason: "malformed" });
  const { payloadType, payload, signatures } = shape.data;
  const body = decodeBase64(payload);
  if (body === null) return err({ reason: "malformed" });
  const parsed: { algorithm: SignatureAlgorithm; keyid: string; sig: Uint8Array }[] = [];
  for (const { keyid, sig } of signatures) {
    const bytes = decodeBase64(sig);
    const algorithm = bytes === null ? null : algorithmOf(bytes);
    if (bytes === null || algorithm === null) return err({ reason: "malformed" });
    if (parsed.some((earlier) => constantTimeEqual(earlier.sig, bytes)))
      return err({ reason: "signature_duplicated", at: parsed.length });
    parsed.push({ algorithm, keyid, sig: bytes });
  }
  const candidates: VerifiedKey[] = SIGNATURE_ALGORITHMS.flatMap((algorithm) =>
    trusted[algorithm].map((publicKey) => ({ algorithm, keyid: keyThumbprint(algorithm, publicKey), publicKey })),
  );
  const message = pae(payloadType, body);
  const keys: VerifiedKey[] = [];
  for (const [at, { algorithm, keyid, sig }] of parsed.entries()) {
    const hinted = candidates.filter((key) => key.keyid === keyid);
    const found = (hinted.length > 0 ? hinted : candidates).find(
      (key) => key.algorithm === algorithm && VERIFY[algorithm](key.publicKey, message, sig),
    );
    if (found === undefined) {
      if (hinted.length > 0) return err({ reason: "signature_invalid", at });
      continue;
    }
    if (keys.some((earlier) => earlier.keyid === found.keyid)) return err({ reason: "signature_duplicated", at });
    keys.push(found);
  }
  for (const algorithm of DEMANDED[policy]) {
    if (keys.some((key) => key.algorithm === algorithm)) continue;
    const present = parsed.some((signature) => signature.algorithm === algorithm);
    return err({ reason: present ? "key_unknown" : "signature_missing", algorithm });
  }
  return ok({ payloadType, body, keys, unknown: parsed.length - keys.length });
}
