import { CompactSign, type CryptoKey } from "jose";
import { sha256Hex } from "../../shared/crypto/sha256.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { parseJson } from "../engine/json.ts";
import { inflate } from "./inflate.ts";
import { isStructured, SIGNATURES } from "./layout.ts";
import { readTar } from "./read-tar.ts";
import { structuredText } from "./structured-text.ts";

/** One entry of an archive; a text stands for its UTF-8 bytes. */
export interface Entry {
  name: string;
  content: string | Uint8Array;
  /** Of the tar header; `0`, a file, unless stated. */
  type?: string;
  link?: string;
  /** Stands where the header's checksum belongs. */
  checksum?: string;
}

const BLOCK = 512;

function header({ name, type = "0", link = "", checksum }: Entry, size: number): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const put = (at: number, text: string) => block.set(utf8(text), at);
  put(0, name);
  put(100, "0000600\0");
  put(108, "0000000\0");
  put(116, "0000000\0");
  put(124, `${size.toString(8).padStart(11, "0")}\0`);
  put(136, "00000000000\0");
  put(148, "        ");
  put(156, type);
  put(157, link);
  put(257, "ustar\0" + "00");
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(148, checksum ?? `${sum.toString(8).padStart(6, "0")}\0 `);
  return block;
}

const bytesOf = (content: string | Uint8Array): Uint8Array => (typeof content === "string" ? utf8(content) : content);

/** A tar archive of the entries, as they stand. */
export function tar(entries: readonly Entry[]): Uint8Array {
  const parts = entries.flatMap((entry) => {
    const content = bytesOf(entry.content);
    const padding = new Uint8Array((BLOCK - (content.length % BLOCK)) % BLOCK);
    return [header(entry, content.length), content, padding];
  });
  return joined([...parts, new Uint8Array(2 * BLOCK)]);
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export async function gzip(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([bytes.slice()]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

export const pack = (files: ReadonlyMap<string, string | Uint8Array>): Promise<Uint8Array> =>
  gzip(tar([...files].map(([name, content]) => ({ name: `/${name}`, content }))));

export const unpack = async (archive: Uint8Array): Promise<Map<string, string | Uint8Array>> =>
  new Map<string, string | Uint8Array>(readTar(await inflate(archive)));

/** One file of a bundle as text. */
export function textIn(files: ReadonlyMap<string, string | Uint8Array>, name: string): string {
  const content = files.get(name);
  if (content === undefined) throw new Error(`no ${name}`);
  return new TextDecoder().decode(bytesOf(content));
}

/** What `opa sign` lists of each file. */
export function listed(files: ReadonlyMap<string, string | Uint8Array>) {
  return [...files]
    .filter(([name]) => name !== SIGNATURES)
    .map(([name, content]) => {
      const value = isStructured(name) ? parseJson(textIn(files, name)) : undefined;
      const hashed = value?.ok ? structuredText(value.value) : content;
      return { name, hash: sha256Hex(hashed), algorithm: "SHA-256" };
    });
}

/** Signs the files anew as `opa sign` does, under claims that may say anything. */
export async function sign(
  files: Map<string, string | Uint8Array>,
  claims: Record<string, unknown>,
  signer: { alg: string; key: CryptoKey | Uint8Array; kid?: string },
): Promise<void> {
  const { alg, key, kid } = signer;
  const token = await new CompactSign(utf8(JSON.stringify({ files: listed(files), ...claims })))
    .setProtectedHeader(kid === undefined ? { alg } : { alg, kid })
    .sign(key);
  files.set(SIGNATURES, JSON.stringify({ signatures: [token] }));
}
