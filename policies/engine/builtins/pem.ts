import { decodeBase64 } from "./base64.ts";

export interface PemBlock {
  label: string;
  bytes: Uint8Array<ArrayBuffer>;
}

const BLOCK = /-----BEGIN ([^\r\n]*?)-----[ \t]*\r?\n([\s\S]*?)-----END \1-----[ \t]*(?:\r?\n|$)/g;

/** The blocks of a PEM text (RFC 7468), headers skipped, and what follows the last one. */
export function pemBlocks(text: string): { blocks: PemBlock[]; rest: string } {
  const blocks: PemBlock[] = [];
  let end = 0;
  for (const match of text.matchAll(BLOCK)) {
    const [whole, label = "", body = ""] = match;
    const bytes = decodeBase64(body.replace(/^[^\r\n]*:[^\r\n]*\r?\n/gm, "").replace(/[ \t\r\n]/g, ""), false);
    if (bytes === undefined) continue;
    blocks.push({ label, bytes });
    end = match.index + whole.length;
  }
  return { blocks, rest: text.slice(end) };
}
