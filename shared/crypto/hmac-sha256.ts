import { hashing } from "./hashing.ts";

/** HMAC-SHA-256 (RFC 2104), 32 bytes, synchronous. Compare results with `constantTimeEqual` only. */
export const hmacSha256 = (key: Uint8Array, data: Uint8Array | string): Uint8Array => hashing().hmacSha256(key, data);
