import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { toBytes } from "./utf8.ts";

/** HMAC-SHA-256 (RFC 2104), 32 bytes, synchronous. Compare results with `constantTimeEqual` only. */
export const hmacSha256 = (key: Uint8Array, data: Uint8Array | string): Uint8Array => hmac(sha256, key, toBytes(data));
