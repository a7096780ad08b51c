import { hashing } from "./hashing.ts";

/** SHA-256 (FIPS 180-4), synchronous. Text is hashed as UTF-8. */
export const sha256 = (data: Uint8Array | string): Uint8Array => hashing().sha256(data);

/** SHA-256 as 64 lower-case hex characters. */
export const sha256Hex = (data: Uint8Array | string): string => hashing().sha256Hex(data);
