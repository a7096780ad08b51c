import { builtinError } from "../failure.ts";
import { spend } from "../meter.ts";
import { toBigint } from "./der.ts";
import { equalBytes, type HashName, hash } from "./hashing.ts";

export interface RsaPublicKey {
  modulus: bigint;
  exponent: bigint;
}
export interface RsaPrivateKey extends RsaPublicKey {
  secret: bigint;
  primes: bigint[];
}

const MODULUS_BITS_MAX = 8_192;
const EXPONENT_MAX = 2n ** 31n - 1n;

export const bitLengthOf = (value: bigint): number => (value === 0n ? 0 : value.toString(2).length);
export const byteLengthOf = (value: bigint): number => Math.ceil(bitLengthOf(value) / 8);

export function toBytes(value: bigint, length: number): Uint8Array<ArrayBuffer> {
  const hex = value.toString(16).padStart(2 * length, "0");
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** `base^exponent mod modulus`; its time depends on its operands. */
export function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  spend(bitLengthOf(exponent) * 4);
  let result = 1n;
  let square = base % modulus;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

/** DER of `DigestInfo` up to the digest (RFC 8017, 9.2). */
const DIGEST_INFO: Readonly<Record<"sha1" | "sha256" | "sha384" | "sha512", string>> = {
  sha1: "3021300906052b0e03021a05000414",
  sha256: "3031300d060960864801650304020105000420",
  sha384: "3041300d060960864801650304020205000430",
  sha512: "3051300d060960864801650304020305000440",
};
export type RsaHash = keyof typeof DIGEST_INFO;

/** EMSA-PKCS1-v1_5; undefined when the key is too short for the digest. */
function encodePkcs1(name: RsaHash, message: Uint8Array, length: number): Uint8Array<ArrayBuffer> | undefined {
  const info = toBytes(BigInt(`0x${DIGEST_INFO[name]}`), DIGEST_INFO[name].length / 2);
  const digest = hash(name, message);
  const padding = length - 3 - info.length - digest.length;
  if (padding < 8) return undefined;
  return Uint8Array.from([0, 1, ...new Array<number>(padding).fill(0xff), 0, ...info, ...digest]);
}

function open(key: RsaPublicKey, signature: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  const length = byteLengthOf(key.modulus);
  if (
    bitLengthOf(key.modulus) > MODULUS_BITS_MAX ||
    key.exponent < 3n ||
    key.exponent > EXPONENT_MAX ||
    (key.exponent & 1n) === 0n
  )
    return undefined;
  const value = toBigint(signature);
  if (signature.length !== length || value >= key.modulus) return undefined;
  return toBytes(power(value, key.exponent, key.modulus), length);
}

/** RSASSA-PKCS1-v1_5 (RFC 8017, 8.2.2), by comparison with the one valid encoding. */
export function verifyPkcs1(key: RsaPublicKey, name: RsaHash, message: Uint8Array, signature: Uint8Array): boolean {
  const opened = open(key, signature);
  const wanted = opened && encodePkcs1(name, message, opened.length);
  return opened !== undefined && wanted !== undefined && equalBytes(opened, wanted);
}

function mask(name: HashName, seed: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  for (let counter = 0; bytes.length < length; counter++)
    bytes.push(...hash(name, Uint8Array.from([...seed, ...toBytes(BigInt(counter), 4)])));
  return Uint8Array.from(bytes.slice(0, length));
}

const xor = (a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(a, (byte, at) => byte ^ (b[at] ?? 0));

/** RSASSA-PSS (RFC 8017, 8.1.2) with the hash for MGF1 too and a salt of any length. */
export function verifyPss(key: RsaPublicKey, name: RsaHash, message: Uint8Array, signature: Uint8Array): boolean {
  const opened = open(key, signature);
  if (opened === undefined) return false;
  const bits = bitLengthOf(key.modulus) - 1;
  const encoded = opened.subarray(opened.length - Math.ceil(bits / 8));
  if (opened.length > encoded.length && opened[0] !== 0) return false;
  const digest = hash(name, message);
  const top = 0xff >> (8 * encoded.length - bits);
  const masked = encoded.subarray(0, encoded.length - digest.length - 1);
  const seed = encoded.subarray(masked.length, encoded.length - 1);
  if (encoded.at(-1) !== 0xbc || masked.length < 1 || ((masked[0] ?? 0) & ~top) !== 0) return false;
  const block = xor(masked, mask(name, seed, masked.length));
  block[0] = (block[0] ?? 0) & top;
  const start = block.indexOf(1);
  if (start < 0 || block.subarray(0, start).some((byte) => byte !== 0)) return false;
  const salt = block.subarray(start + 1);
  return equalBytes(seed, hash(name, Uint8Array.from([...new Array<number>(8).fill(0), ...digest, ...salt])));
}

function seal(key: RsaPrivateKey, encoded: Uint8Array): Uint8Array<ArrayBuffer> {
  if (bitLengthOf(key.modulus) > MODULUS_BITS_MAX) throw builtinError("RSA key is too long");
  return toBytes(power(toBigint(encoded), key.secret, key.modulus), byteLengthOf(key.modulus));
}

export function signPkcs1(key: RsaPrivateKey, name: RsaHash, message: Uint8Array): Uint8Array<ArrayBuffer> {
  const encoded = encodePkcs1(name, message, byteLengthOf(key.modulus));
  if (encoded === undefined) throw builtinError("RSA key is too short");
  return seal(key, encoded);
}

/** RSASSA-PSS with a salt as long as the digest, filled by `random`. */
export function signPss(
  key: RsaPrivateKey,
  name: RsaHash,
  message: Uint8Array,
  random: (bytes: Uint8Array<ArrayBuffer>) => void,
): Uint8Array<ArrayBuffer> {
  const digest = hash(name, message);
  const salt = new Uint8Array(digest.length);
  random(salt);
  const bits = bitLengthOf(key.modulus) - 1;
  const length = Math.ceil(bits / 8);
  const padding = length - 2 * digest.length - 2;
  if (padding < 0) throw builtinError("RSA key is too short");
  const seed = hash(name, Uint8Array.from([...new Array<number>(8).fill(0), ...digest, ...salt]));
  const block = Uint8Array.from([...new Array<number>(padding).fill(0), 1, ...salt]);
  const masked = xor(block, mask(name, seed, block.length));
  masked[0] = (masked[0] ?? 0) & (0xff >> (8 * length - bits));
  return seal(key, Uint8Array.from([...masked, ...seed, 0xbc]));
}
