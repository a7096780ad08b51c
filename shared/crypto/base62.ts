const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const VALUES = new Int8Array(128).fill(-1);
for (let value = 0; value < 62; value++) VALUES[ALPHABET.charCodeAt(value)] = value;
/** 62^6: with a 16-bit limb below it a step stays under 2^53 (5.7e10 × 65,536 = 3.7e15). */
const CHUNK = 62 ** 6;

const limbsOf = (bytes: Uint8Array): number[] => {
  const limbs: number[] = [];
  const odd = bytes.length % 2;
  if (odd === 1) limbs.push(bytes[0] ?? 0);
  for (let at = odd; at < bytes.length; at += 2) limbs.push(((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0));
  return limbs;
};

/** Characters that hold any value of `bytes` bytes: 32 → 43, 16 → 22, 4 → 6. */
export const base62Chars = (bytes: number): number => Math.ceil((bytes * 8) / Math.log2(62));

/** The big-endian number in `bytes`, left-padded with `0` to a fixed `chars`; its text order is its number order. Throws when it does not fit. */
export function encodeBase62(bytes: Uint8Array, chars: number = base62Chars(bytes.length)): string {
  const limbs = limbsOf(bytes);
  let text = "";
  while (text.length < chars) {
    let remainder = 0;
    for (let at = 0; at < limbs.length; at++) {
      const value = remainder * 65_536 + (limbs[at] ?? 0);
      limbs[at] = Math.floor(value / CHUNK);
      remainder = value % CHUNK;
    }
    for (let digit = 0; digit < 6 && text.length < chars; digit++) {
      text = ALPHABET.charAt(remainder % 62) + text;
      remainder = Math.floor(remainder / 62);
    }
    if (text.length === chars && remainder !== 0) throw new RangeError("base62: value does not fit");
  }
  if (limbs.some((limb) => limb !== 0)) throw new RangeError("base62: value does not fit");
  return text;
}

/** Exactly the inverse: `null` for foreign characters or a number that does not fit `bytes` bytes. */
export function decodeBase62(text: string, bytes: number): Uint8Array<ArrayBuffer> | null {
  const out = new Uint8Array(bytes);
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    let carry = code < 128 ? (VALUES[code] ?? -1) : -1;
    if (carry < 0) return null;
    for (let at = bytes - 1; at >= 0; at--) {
      carry += (out[at] ?? 0) * 62;
      out[at] = carry & 0xff;
      carry >>= 8;
    }
    if (carry !== 0) return null;
  }
  return out;
}

/** True when every character is base62 and there is at least one. */
export function isBase62(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code >= 128 || (VALUES[code] ?? -1) < 0) return false;
  }
  return text.length > 0;
}
