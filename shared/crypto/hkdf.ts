import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { toBytes } from "./utf8.ts";

/** HKDF-SHA-256 (RFC 5869). `info` separates purposes: two purposes never share a key. */
export const hkdfSha256 = (
  key: Uint8Array,
  salt: Uint8Array | undefined,
  info: Uint8Array | string,
  bytes: number,
): Uint8Array => hkdf(sha256, key, salt, toBytes(info), bytes);
