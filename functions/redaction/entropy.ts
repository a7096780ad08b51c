const CHARS_MAX = 256;

/** Shannon entropy of a text's first characters, in bits a character. */
export function entropy(text: string): number {
  const counts = new Map<string, number>();
  const seen = text.slice(0, CHARS_MAX);
  for (const char of seen) counts.set(char, (counts.get(char) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / seen.length) * Math.log2(count / seen.length);
  return bits;
}

const LONG = 20;
const SHORT = 8;
/** Letters of prose stay below this for their length; random text of the same length is above it. */
const BITS_MIN = 2.5;

/** Whether a value after a name like `token` is one, rather than the next word of a sentence. */
export const looksRandom = (value: string): boolean =>
  value.length >= LONG || (value.length >= SHORT && /[\d._~+/=-]/.test(value) && entropy(value) >= BITS_MIN);
