const encoder = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Bytes that are no UTF-8 are kept as lone surrogates U+DC80 to U+DCFF, so that decoding and encoding lose nothing. */
const KEPT = /[\udc80-\udcff]/;
const KEPT_BASE = 0xdc00;

/** The text's bytes; kept bytes come back as they were, other lone surrogates as U+FFFD. */
export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  if (!KEPT.test(text) || text.isWellFormed()) return encoder.encode(text);
  const bytes: number[] = [];
  for (const character of text) {
    const code = character.charCodeAt(0);
    if (character.length === 1 && code >= KEPT_BASE + 0x80 && code <= KEPT_BASE + 0xff) bytes.push(code - KEPT_BASE);
    else for (const byte of encoder.encode(character)) bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

/** Bytes as text, losslessly. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    return decodeKept(bytes);
  }
}

function decodeKept(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at);
    if (length === 0) text += String.fromCharCode(KEPT_BASE + (bytes[at] ?? 0));
    else text += strict.decode(bytes.subarray(at, at + length));
    at += Math.max(length, 1);
  }
  return text;
}

/** Bytes of the well-formed sequence that starts here, or 0. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  const length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (length === 0 || at + length > bytes.length) return 0;
  try {
    strict.decode(bytes.subarray(at, at + length));
    return length;
  } catch {
    return 0;
  }
}
