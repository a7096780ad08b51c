import type { UnixMs } from "../ids.ts";

/** Why a key is not trusted any more. `compromised` casts doubt on what it signed before, the others do not. */
export const REVOCATION_REASONS = ["superseded", "retired", "compromised"] as const;

/** One public signing key, as `/.well-known/bailiwick-keys.json` lists it. */
export interface VerifierKey {
  /** RFC 7638 thumbprint of the JWK. */
  kid: string;
  alg: "Ed25519" | "ML-DSA-65";
  /** OKP (RFC 8037), or AKP with `pub` (RFC 9964). */
  jwk: Readonly<Record<string, string>>;
  not_before_ms: UnixMs;
  /** Null while it has no end. */
  not_after_ms: UnixMs | null;
  revoked: { at_ms: UnixMs; reason: (typeof REVOCATION_REASONS)[number] } | null;
}

/**
 * The cell's signing keys, behind an entry of their own: callers see signatures and public keys only. Signs with every
 * key pair that is in force, so that a rotation overlaps. Rejects with `SignerUnavailable`; nothing is signed then.
 */
export interface Signer {
  /** Newest first; keys that are not in force any more stay listed for as long as what they signed is kept. */
  keys(): Promise<VerifierKey[]>;
  /** The signed note of one checkpoint, and its DSSE envelope (ML-DSA-65) as JSON text. `root` is base64. */
  signCheckpoint(checkpoint: { origin: string; size: number; root: string }): Promise<{ note: string; dsse: string }>;
  /** The DSSE envelope of an in-toto Statement (canonical JSON text), signed with Ed25519 and ML-DSA-65, as JSON text. */
  signStatement(statement: string): Promise<string>;
}

/** The signer could not be reached or holds no key that is in force. */
export class SignerUnavailable extends Error {
  override readonly name = "SignerUnavailable";
}
