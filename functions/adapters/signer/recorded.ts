import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import { type Signer, SignerUnavailable, type VerifierKey } from "../../../shared/contracts/ports/signer.ts";
import { parseDsse } from "../../../shared/crypto/log/dsse.ts";

export interface RecordedSignerOptions {
  signer: Signer;
  /** Durable before it resolves; takes a key again without harm. While it rejects, so does signing. */
  record(keys: readonly VerifierKey[]): Promise<void>;
  clock: Clock;
}

/**
 * The same signer, whose signatures are given out only once `record` knows every key that made them: a key that the
 * cell's own ledger does not name never signs what a tenant gets.
 */
export function recordedSigner({ signer, record, clock }: RecordedSignerOptions): Signer {
  const recorded = new Set<string>();
  const inForce = ({ not_before_ms, not_after_ms, revoked }: VerifierKey, now: number): boolean =>
    revoked === null && not_before_ms <= now && (not_after_ms === null || now < not_after_ms);

  async function release<T>(signed: T, dsse: string): Promise<T> {
    // The keys of a pair sign together, so the envelope's ML-DSA-65 keys tell of the note's Ed25519 keys too.
    const signers = parseDsse(dsse)?.signatures.map(({ keyid }) => keyid) ?? [];
    const isRecorded = () => signers.length > 0 && signers.every((kid) => recorded.has(kid));
    if (isRecorded()) return signed;
    const now = clock.now();
    const begun = (await signer.keys()).filter((key) => inForce(key, now) && !recorded.has(key.kid));
    if (begun.length > 0) await record(begun);
    for (const { kid } of begun) recorded.add(kid);
    // The list may be some seconds older than a rotation.
    if (!isRecorded()) throw new SignerUnavailable("a key that signs is not listed yet");
    return signed;
  }

  return {
    keys: () => signer.keys(),
    async signCheckpoint(checkpoint) {
      const signed = await signer.signCheckpoint(checkpoint);
      return release(signed, signed.dsse);
    },
    async signStatement(statement) {
      const dsse = await signer.signStatement(statement);
      return release(dsse, dsse);
    },
  };
}
