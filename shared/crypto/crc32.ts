const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value >>> 0;
});

/** CRC-32 (ISO-HDLC, reflected 0xEDB88320) of ASCII text, as an unsigned 32-bit number. A typo check, never a security check. */
export function crc32(text: string, end: number = text.length): number {
  let crc = 0xffffffff;
  for (let at = 0; at < end; at++) crc = (crc >>> 8) ^ (TABLE[(crc ^ text.charCodeAt(at)) & 0xff] ?? 0);
  return (crc ^ 0xffffffff) >>> 0;
}
