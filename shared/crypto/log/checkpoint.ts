import { decodeBase64, encodeBase64 } from "./base64.ts";
import { HASH_BYTES } from "./tree.ts";
import { isKeyName } from "./verifier-key.ts";

/** The text of a C2SP tlog-checkpoint: what a log says about itself at one size. */
export interface Checkpoint {
  /** Names the log. */
  origin: string;
  /** Entries. */
  size: number;
  /** RFC 6962 root at that size. */
  root: Uint8Array;
  /** Opaque lines. */
  extensions: string[];
}

/** Decimal without leading zeros, at most 2^53 − 1; null for anything else. */
export function parseCount(text: string): number | null {
  if (!/^(?:0|[1-9]\d{0,15})$/.test(text)) return null;
  const count = Number(text);
  return Number.isSafeInteger(count) ? count : null;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what a line must not have.
const isLine = (line: string): boolean => line !== "" && !/[\u0000-\u001f]/.test(line) && line.isWellFormed();

/**
 * The note text of a checkpoint, to be signed with `signNote`. Throws `RangeError` for what no checkpoint can say; its
 * origin must be usable as a key name, which the specification recommends.
 */
export function formatCheckpoint(checkpoint: Omit<Checkpoint, "extensions"> & { extensions?: string[] }): string {
  const { origin, size, root, extensions = [] } = checkpoint;
  if (!isKeyName(origin)) throw new RangeError("checkpoint: an origin has no spaces and no plus");
  if (!Number.isSafeInteger(size) || size < 0) throw new RangeError("checkpoint: not a size");
  if (root.length !== HASH_BYTES) throw new RangeError("checkpoint: a root is 32 bytes");
  if (!extensions.every(isLine)) throw new RangeError("checkpoint: an extension is a line that is not empty");
  return `${[origin, size, encodeBase64(root), ...extensions].join("\n")}\n`;
}

/** Strict; null for anything that is no checkpoint text. Any origin line is taken: compare it with the one expected. */
export function parseCheckpoint(text: string): Checkpoint | null {
  const lines = text.split("\n");
  if (lines.pop() !== "" || !lines.every(isLine)) return null;
  const [origin, decimal, encoded, ...extensions] = lines;
  if (origin === undefined || decimal === undefined || encoded === undefined) return null;
  const size = parseCount(decimal);
  const root = decodeBase64(encoded);
  if (size === null || root?.length !== HASH_BYTES) return null;
  return { origin, size, root, extensions };
}
