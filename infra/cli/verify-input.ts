import { createReadStream } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { createGunzip } from "node:zlib";
import type { LogReader } from "../../shared/evidence/log-reader.ts";

/** What a path holds, by its first bytes and never by its name. */
export type InputKind = "json" | "tar" | "unknown";

/** A path cannot be read; the message is one line for a person. */
export class Unreadable extends Error {
  override readonly name = "Unreadable";
}

const HEAD_BYTES = 512;
const READ_BYTES = 256 * 1024;

const codeOf = (cause: unknown): unknown => (cause instanceof Error && "code" in cause ? cause.code : undefined);
const wordsOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

/** The bytes of a file, gunzipped where it is compressed, in pieces. Rejects with `Unreadable`. */
export async function* fileBytes(path: string): AsyncGenerator<Uint8Array> {
  const file = createReadStream(path, { highWaterMark: READ_BYTES });
  let source: AsyncIterable<Buffer> = file;
  if (await isGzip(path)) {
    const gunzip = createGunzip({ chunkSize: READ_BYTES });
    file.on("error", (cause) => gunzip.destroy(cause));
    source = file.pipe(gunzip);
  }
  try {
    yield* source;
  } catch (cause) {
    throw new Unreadable(`${path}: ${wordsOf(cause)}`, { cause });
  } finally {
    file.destroy();
  }
}

async function isGzip(path: string): Promise<boolean> {
  const head = await readUpTo(path, 2);
  return head?.[0] === 0x1f && head[1] === 0x8b;
}

/** At most `bytesMax` bytes of a file; null where there is none. Rejects with `Unreadable`. */
async function readUpTo(path: string, bytesMax: number): Promise<Uint8Array | null> {
  try {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      const bytes = new Uint8Array(Math.min(bytesMax, size));
      let at = 0;
      while (at < bytes.length) {
        const { bytesRead } = await file.read(bytes, at, bytes.length - at, at);
        if (bytesRead === 0) break;
        at += bytesRead;
      }
      return bytes.subarray(0, at);
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (codeOf(cause) === "ENOENT" || codeOf(cause) === "ENOTDIR") return null;
    throw new Unreadable(`${path}: ${wordsOf(cause)}`, { cause });
  }
}

/** A whole small file. Rejects with `Unreadable`, also above `bytesMax`. */
export async function readSmall(path: string, bytesMax: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of fileBytes(path)) {
    bytes += piece.length;
    if (bytes > bytesMax) throw new Unreadable(`${path}: larger than ${bytesMax} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** Whether a file is an envelope or an archive, behind its compression. */
export async function kindOf(path: string): Promise<InputKind> {
  const pieces: Uint8Array[] = [];
  for await (const piece of fileBytes(path)) {
    pieces.push(piece);
    if (pieces.reduce((sum, { length }) => sum + length, 0) >= HEAD_BYTES) break;
  }
  const head = Buffer.concat(pieces).subarray(0, HEAD_BYTES);
  if (head.subarray(257, 262).toString("latin1") === "ustar") return "tar";
  return /^[ \t\r\n]*\{/.test(head.toString("latin1")) ? "json" : "unknown";
}

/** In front of the bytes of each file of a cell's own object store: one record of this size, and a mark on its name. */
const STORED = { record: 256, mark: "~", begins: '{"format":"bailiwick-object/1"' };

/** A folder with a log's archive: plain files, or the folder of a cell's file-system object store. */
export const folderReader = (root: string): LogReader => ({
  async read(path, bytesMax) {
    const plain = await readUpTo(join(root, path), bytesMax + 1);
    if (plain !== null) return plain;
    const stored = await readUpTo(join(root, `${path}${STORED.mark}`), bytesMax + 1 + STORED.record);
    if (stored === null) return null;
    const record = Buffer.from(stored.subarray(0, STORED.record)).toString("latin1");
    return record.startsWith(STORED.begins) ? stored.subarray(STORED.record) : stored;
  },
  async list(folder) {
    try {
      const names = await readdir(join(root, folder));
      return [...new Set(names.map((name) => (/[^~]~$/.test(name) ? name.slice(0, -1) : name)))];
    } catch (cause) {
      if (codeOf(cause) === "ENOENT" || codeOf(cause) === "ENOTDIR") return [];
      throw new Unreadable(`${folder}: ${wordsOf(cause)}`, { cause });
    }
  },
});
