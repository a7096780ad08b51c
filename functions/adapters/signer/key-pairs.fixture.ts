import type { UnixMs } from "../../../shared/contracts/ids.ts";
import type { KeyPair } from "./key-document.ts";

export const ms = (text: string): UnixMs => Date.parse(text) as UnixMs; // safe because: a time in ms

/** A pair of its own for each number, in force since 2026-11-01. */
export const pairOf = (number: number, changes: Partial<KeyPair> = {}): KeyPair => ({
  id: `pair-${number}`,
  ed25519Seed: new Uint8Array(32).fill(number),
  mlDsa65Seed: new Uint8Array(32).fill(128 + number),
  notBeforeMs: ms("2026-11-01T00:00:00Z"),
  notAfterMs: null,
  revoked: null,
  ...changes,
});
