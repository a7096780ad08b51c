import type { TaskProof } from "../../shared/contracts/log.ts";
import { decodeBase64 } from "../../shared/crypto/log/base64.ts";
import { leafHash, verifyInclusion } from "../../shared/crypto/log/tree.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";

/**
 * Throws unless every entry of the proof is in the tree of its checkpoint: what does not hold is never signed, whoever
 * broke it on the way.
 */
export function checkProof({ checkpoint, entries }: TaskProof): void {
  const root = decodeBase64(checkpoint.root);
  if (root === null) throw new Error("a checkpoint without a root");
  for (const { index, text, proof } of entries) {
    const path = proof.map(decodeBase64);
    const whole = path.filter((hash) => hash !== null);
    const claim = { index, size: checkpoint.size, leaf: leafHash(utf8(text)), proof: whole, root };
    if (whole.length !== path.length || !verifyInclusion(claim))
      throw new Error(`entry ${index} is not in the tree of the checkpoint at ${checkpoint.size}`);
  }
}
