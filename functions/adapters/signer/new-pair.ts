import type { UnixMs } from "../../../shared/contracts/ids.ts";
import { encodeBase62 } from "../../../shared/crypto/base62.ts";
import type { KeyPair } from "./key-document.ts";

const SEED_BYTES = 32;
const ID_BYTES = 8;
const DAY_MS = 24 * 60 * 60 * 1_000;

/** A pair from the platform's cryptographic source, without an end. */
export function newPair(notBeforeMs: UnixMs): KeyPair {
  const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes));
  return {
    id: encodeBase62(random(ID_BYTES)),
    ed25519Seed: random(SEED_BYTES),
    mlDsa65Seed: random(SEED_BYTES),
    notBeforeMs,
    notAfterMs: null,
    revoked: null,
  };
}

/**
 * The first pair of a cell, in force from the beginning of the UTC day of `sinceMs`: entries are written before the first
 * checkpoint is signed, and a key counts only for what is not older than it.
 */
export const firstPair = (sinceMs: number): KeyPair => newPair((Math.floor(sinceMs / DAY_MS) * DAY_MS) as UnixMs); // safe because: it is a time in ms
