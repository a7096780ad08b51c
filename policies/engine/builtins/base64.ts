const STANDARD = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE = `${STANDARD.slice(0, 62)}-_`;
const decoding = (alphabet: string) => new Map(Array.from(alphabet, (character, at) => [character, at]));
const STANDARD_VALUES = decoding(STANDARD);
const URL_SAFE_VALUES = decoding(URL_SAFE);

export function encodeBase64(bytes: Uint8Array, urlSafe: boolean, padding: boolean): string {
  const alphabet = urlSafe ? URL_SAFE : STANDARD;
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const group = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    const count = Math.min(bytes.length - at, 3) + 1;
    for (let part = 0; part < count; part++) text += alphabet.charAt((group >> (18 - 6 * part)) & 63);
    if (padding) text += "=".repeat(4 - count);
  }
  return text;
}

/** RFC 4648 with padding required; line breaks are skipped, unused bits are not looked at. Undefined: not base64. */
export function decodeBase64(text: string, urlSafe: boolean): Uint8Array<ArrayBuffer> | undefined {
  const clean = text.replace(/[\r\n]/g, "");
  const body = clean.replace(/={1,2}$/, "");
  if (clean.length % 4 !== 0 || body.length % 4 === 1) return undefined;
  const values = urlSafe ? URL_SAFE_VALUES : STANDARD_VALUES;
  const bytes = new Uint8Array(Math.floor((body.length * 3) / 4));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const character of body) {
    const value = values.get(character);
    if (value === undefined) return undefined;
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (held >> bits) & 255;
    }
  }
  return bytes;
}

/** Unpadded base64url, as JSON web tokens have it. */
export const decodeBase64Url = (text: string): Uint8Array<ArrayBuffer> | undefined =>
  text.length % 4 === 1 || text.includes("=")
    ? undefined
    : decodeBase64(text.padEnd(Math.ceil(text.length / 4) * 4, "="), true);

/** base64url with or without its padding, as OPA takes it. */
export function decodeBase64UrlLoose(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.endsWith("=")) return decodeBase64(text, true);
  return text.length % 4 === 1 ? undefined : decodeBase64(text.padEnd(Math.ceil(text.length / 4) * 4, "="), true);
}
