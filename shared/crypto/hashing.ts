import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { encodeHex } from "./hex.ts";
import { toBytes } from "./utf8.ts";

/** A hash that is fed in parts. */
export interface RunningHash {
  update(data: Uint8Array): void;
  /** Ends the hash. */
  digest(): Uint8Array;
}

/** Synchronous SHA-256 as a runtime can do it; every implementation gives the same bytes. */
export interface Hashing {
  sha256(data: Uint8Array | string): Uint8Array;
  sha256Hex(data: Uint8Array | string): string;
  hmacSha256(key: Uint8Array, data: Uint8Array | string): Uint8Array;
  running(): RunningHash;
}

/** Runs everywhere: durable cores hash inside a transaction, where WebCrypto's promises cannot be awaited. */
export const portableHashing: Hashing = {
  sha256: (data) => sha256(toBytes(data)),
  sha256Hex: (data) => encodeHex(sha256(toBytes(data))),
  hmacSha256: (key, data) => hmac(sha256, key, toBytes(data)),
  running: () => sha256.create(),
};

let inUse: Hashing = portableHashing;

/** What this process hashes with. */
export const hashing = (): Hashing => inUse;

/** An entry may put its runtime's own implementation in place, once, before anything is hashed. */
export function useHashing(native: Hashing): void {
  inUse = native;
}
