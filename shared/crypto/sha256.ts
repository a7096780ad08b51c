import { sha256 as digest } from "@noble/hashes/sha2.js";
import { encodeHex } from "./hex.ts";
import { toBytes } from "./utf8.ts";

/** SHA-256 (FIPS 180-4), synchronous. Text is hashed as UTF-8. */
export const sha256 = (data: Uint8Array | string): Uint8Array => digest(toBytes(data));

/** SHA-256 as 64 lower-case hex characters. */
export const sha256Hex = (data: Uint8Array | string): string => encodeHex(digest(toBytes(data)));
