import { err, ok, type Result } from "../contracts/result.ts";
import { type DsseEnvelope, type DsseFault, type DssePolicy, verifyDsse } from "../crypto/log/dsse.ts";
import { type Fault, type FaultReason, fault } from "./fault.ts";
import type { TrustedKey } from "./keys-file.ts";

/** What the verifier's user brings along, kept independently of what is verified. */
export interface Trust {
  /** Null when there is no keys file. */
  keys: readonly TrustedKey[] | null;
  /** A signed note of the same log, or null. */
  checkpoint: Uint8Array | null;
  /** Bodies whose commitments should be opened, of task evidence. */
  request?: Uint8Array;
  response?: Uint8Array;
}

/** Something was signed at one instant of this time, both ends included. */
export interface SignedDuring {
  fromMs: number;
  toMs: number;
}

/** Reasons that a known key gives not to trust it, worst first. */
const STANDINGS = ["key_compromised", "key_revoked", "key_expired", "key_not_yet_valid"] as const;
export type BadStanding = (typeof STANDINGS)[number];

/** Whether a key was in force at some instant of `during`; a compromised key counts for nothing at any time. */
export function standingOf(key: TrustedKey, { fromMs, toMs }: SignedDuring): BadStanding | null {
  if (key.revoked?.reason === "compromised") return "key_compromised";
  if (key.revoked !== null && key.revoked.atMs <= fromMs) return "key_revoked";
  if (key.notAfterMs !== null && key.notAfterMs <= fromMs) return "key_expired";
  return key.notBeforeMs > toMs ? "key_not_yet_valid" : null;
}

/** Keys that verified, by kind. */
export type Signers = Record<TrustedKey["algorithm"], readonly TrustedKey[]>;

const NAMES = { ed25519: "Ed25519", mldsa65: "ML-DSA-65" } as const;

/** Each kind needs one key that was in force; the fault names the kind and what is wrong with its best key. */
export function judgeSigners(signers: Signers, during: SignedDuring): Fault | null {
  for (const algorithm of ["ed25519", "mldsa65"] as const) {
    const standings = signers[algorithm].map((key) => standingOf(key, during));
    if (standings.includes(null)) continue;
    const reason = STANDINGS.find((standing) => standings.includes(standing)) ?? "signature_missing";
    return fault(reason, `${NAMES[algorithm]}: ${WORDS[reason]}`);
  }
  return null;
}

const WORDS: Record<BadStanding | "signature_missing", string> = {
  key_compromised: "its key was revoked as compromised, which counts for nothing",
  key_revoked: "its key had been revoked before",
  key_expired: "its key was not in force any more",
  key_not_yet_valid: "its key was not in force yet",
  signature_missing: "there is no signature",
};

export interface VerifiedEnvelope {
  payloadType: string;
  body: Uint8Array;
  signers: Signers;
}

/** The envelope's signatures under all keys of the file, whatever time they were in force: see `judgeSigners`. */
export function verifyEnvelope(
  envelope: DsseEnvelope,
  keys: readonly TrustedKey[],
  policy: DssePolicy,
): Result<VerifiedEnvelope, Fault> {
  const bytesOf = (algorithm: TrustedKey["algorithm"]) =>
    keys.filter((key) => key.algorithm === algorithm).map(({ publicKey }) => publicKey);
  const verified = verifyDsse(envelope, { ed25519: bytesOf("ed25519"), mldsa65: bytesOf("mldsa65") }, policy);
  if (!verified.ok) return err(envelopeFault(verified.error));
  const { payloadType, body, keys: used } = verified.value;
  const signed = keys.filter(({ kid }) => used.some(({ keyid }) => keyid === kid));
  return ok({
    payloadType,
    body,
    signers: {
      ed25519: signed.filter(({ algorithm }) => algorithm === "ed25519"),
      mldsa65: signed.filter(({ algorithm }) => algorithm === "mldsa65"),
    },
  });
}

function envelopeFault(found: DsseFault): Fault {
  const reason: FaultReason = found.reason;
  switch (found.reason) {
    case "malformed":
      return fault(reason, "not a DSSE envelope with Ed25519 and ML-DSA-65 signatures");
    case "signature_duplicated":
      return fault(reason, `signature ${found.at}: the same signature or the same key twice`);
    case "signature_invalid":
      return fault(reason, `signature ${found.at} does not verify under the key that it names`);
    case "signature_missing":
      return fault(reason, `there is no ${NAMES[found.algorithm]} signature`);
    case "key_unknown":
      return fault(reason, `no ${NAMES[found.algorithm]} signature is by a trusted key`);
  }
}
