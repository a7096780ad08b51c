import type { CellStore } from "../../../shared/contracts/ports/cell-store.ts";
import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import { type Signer, SignerUnavailable, type VerifierKey } from "../../../shared/contracts/ports/signer.ts";
import { parseDsse } from "../../../shared/crypto/log/dsse.ts";

export interface RecordedSignerOptions {
  signer: Signer;
  /** The cell's own ledger, where each key stands once. While it does not answer, nothing is signed. */
  ledger: Pick<CellStore, "system">;
  clock: Clock;
}

/**
 * The same signer, whose signatures are given out only once the ledger names every key that made them: a key that the
 * cell's own ledger does not name never signs what a tenant gets.
 */
export function recordedSigner({ signer, ledger, clock }: RecordedSignerOptions): Signer {
  const recorded = new Set<string>();
  const inForce = ({ not_before_ms, not_after_ms, revoked }: VerifierKey, now: number): boolean =>
    revoked === null && not_before_ms <= now && (not_after_ms === null || now < not_after_ms);

  async function record(keys: readonly VerifierKey[]): Promise<void> {
    try {
      await ledger.system(
        keys.map(({ kid, alg, not_before_ms }) => ({
          kind: "signing_key.added",
          reason: "first_use",
          source: null,
          detail: { kid, alg, not_before: new Date(not_before_ms).toISOString() },
        })),
      );
    } catch (cause) {
      throw new SignerUnavailable("the key that signs could not be recorded", { cause });
    }
  }

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
