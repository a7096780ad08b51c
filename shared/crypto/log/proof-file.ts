import { decodeBase64, encodeBase64 } from "./base64.ts";
import { parseCount } from "./checkpoint.ts";
import { HASH_BYTES } from "./tree.ts";

const HEADER = "c2sp.org/tlog-proof@v1";
/** A log of 2^53 entries has proofs of at most 53 hashes. */
const PROOF_HASHES_MAX = 53;

/** A C2SP tlog-proof: that one entry is in the log whose signed checkpoint goes with it. Parsing verifies nothing. */
export interface ProofFile {
  index: number;
  /** From the leaf's sibling up to the root's child. */
  proof: Uint8Array[];
  /** The signed note, verbatim. */
  checkpoint: string;
  /** Opaque and not authenticated. */
  extra: Uint8Array | null;
}

/** Throws `RangeError` for what the format cannot carry. */
export function formatProofFile(file: Omit<ProofFile, "extra"> & { extra?: Uint8Array | null }): string {
  const { index, proof, checkpoint, extra } = file;
  if (!Number.isSafeInteger(index) || index < 0) throw new RangeError("proof file: not an index");
  if (proof.length > PROOF_HASHES_MAX || proof.some(({ length }) => length !== HASH_BYTES))
    throw new RangeError("proof file: not a proof");
  const lines = [HEADER];
  if (extra) lines.push(`extra ${encodeBase64(extra)}`);
  lines.push(`index ${index}`, ...proof.map(encodeBase64));
  return `${lines.join("\n")}\n\n${checkpoint}`;
}

/** Exactly what the format allows; null for anything else. */
export function parseProofFile(text: string): ProofFile | null {
  const border = text.indexOf("\n\n");
  if (border < 0) return null;
  const lines = text.slice(0, border).split("\n");
  if (lines.shift() !== HEADER) return null;
  let extra: Uint8Array | null = null;
  if (lines[0]?.startsWith("extra ")) {
    extra = decodeBase64(lines.shift()?.slice("extra ".length) ?? "");
    if (extra === null) return null;
  }
  const [, decimal] = /^index (\d+)$/.exec(lines.shift() ?? "") ?? [];
  const index = decimal === undefined ? null : parseCount(decimal);
  if (index === null || lines.length > PROOF_HASHES_MAX) return null;
  const proof: Uint8Array[] = [];
  for (const line of lines) {
    const hash = decodeBase64(line);
    if (hash?.length !== HASH_BYTES) return null;
    proof.push(hash);
  }
  return { index, proof, checkpoint: text.slice(border + 2), extra };
}
