/** Arguments of one call stay well below what runtimes allow. */
const PIECE_BYTES = 8_192;

/** Standard base64 with padding (RFC 4648 §4), as the log's formats write it. */
export function encodeBase64(bytes: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < bytes.length; at += PIECE_BYTES)
    binary += String.fromCharCode(...bytes.subarray(at, at + PIECE_BYTES));
  return btoa(binary);
}

/**
 * Strict canonical decode: padded, no whitespace, no foreign characters, unused bits zero, so that two different texts
 * never mean the same bytes. Anything else is null.
 */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> | null {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null;
  const binary = atob(text);
  // `atob` drops unused bits; writing the text again shows them.
  if (btoa(binary) !== text) return null;
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}
