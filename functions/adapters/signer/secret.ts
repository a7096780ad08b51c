import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import { type Signer, SignerUnavailable } from "../../../shared/contracts/ports/signer.ts";
import { type KeyPair, parseKeyDocument } from "./key-document.ts";
import { keySetSigner } from "./key-set.ts";

/** The pairs in a key document. Throws `SignerUnavailable` that names the field at fault, never its value. */
export function pairsIn(text: string, named: string): KeyPair[] {
  const parsed = parseKeyDocument(text);
  if (parsed.ok) return parsed.value;
  throw new SignerUnavailable(`${named}: ${parsed.error.field}: ${parsed.error.problem}`);
}

/**
 * Signs with the key document in a secret, which is read once: a new one comes with a new isolate. Without one, or with
 * one that cannot be read, everything rejects with `SignerUnavailable`.
 */
export function secretSigner(secret: { name: string; text: string | undefined }, clock: Clock): Signer {
  let pairs: readonly KeyPair[] | null = null;
  return keySetSigner({
    pairs() {
      if (!secret.text) throw new SignerUnavailable(`${secret.name} is not set`);
      pairs ??= pairsIn(secret.text, secret.name);
      return pairs;
    },
    clock,
  });
}
