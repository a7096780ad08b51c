import { hmac } from "@noble/hashes/hmac.js";
import { md5, sha1 } from "@noble/hashes/legacy.js";
import { sha256, sha384, sha512 } from "@noble/hashes/sha2.js";
import { spendText } from "../meter.ts";
import { encodeUtf8 } from "../utf8.ts";
import type { Value } from "../value.ts";
import { builtin, type Family, string } from "./operands.ts";

export const HASHES = { md5, sha1, sha256, sha384, sha512 } as const;
export type HashName = keyof typeof HASHES;

export const toHex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

export const hash = (name: HashName, bytes: Uint8Array): Uint8Array => HASHES[name](bytes);
export const mac = (name: HashName, key: Uint8Array, message: Uint8Array): Uint8Array =>
  hmac(HASHES[name], key, message);

/** Compares in time that depends on the length alone. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let at = 0; at < a.length; at++) difference |= (a[at] ?? 0) ^ (b[at] ?? 0);
  return difference === 0;
}

const bytes = (args: readonly Value[], at: number): Uint8Array<ArrayBuffer> => {
  const text = string(args, at);
  spendText(text.length * 4);
  return encodeUtf8(text);
};
const digest = (name: HashName) => builtin(1, (args) => toHex(hash(name, bytes(args, 0))));
const keyed = (name: HashName) => builtin(2, (args) => toHex(mac(name, bytes(args, 1), bytes(args, 0))));

export const HASHING: Family = {
  "crypto.md5": digest("md5"),
  "crypto.sha1": digest("sha1"),
  "crypto.sha256": digest("sha256"),
  "crypto.hmac.md5": keyed("md5"),
  "crypto.hmac.sha1": keyed("sha1"),
  "crypto.hmac.sha256": keyed("sha256"),
  "crypto.hmac.sha512": keyed("sha512"),
  "crypto.hmac.equal": builtin(2, (args) => equalBytes(bytes(args, 0), bytes(args, 1))),
};
