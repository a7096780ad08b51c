import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { type ObjectRange, ObjectStoreRefused } from "../../../shared/contracts/ports/object-store.ts";
import { bytesToRead } from "./bounds.ts";
import { withDeadline } from "./deadline.ts";
import { fileFault } from "./file-faults.ts";
import { isMissing, keptFolder, objectFile } from "./file-layout.ts";
import { type FileRecord, parseRecord, RECORD_BYTES } from "./file-record.ts";
import { stayBelow } from "./file-write.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** One stored version and the file that holds it. */
export interface StoredFile {
  path: string;
  record: FileRecord;
}

/** An open version: what is read from it stays the same, whatever happens to its name. */
export interface OpenFile extends StoredFile {
  handle: FileHandle;
}

/** The version asked for, or the newest; null when it is not there. The caller closes its handle. */
export async function openObject(root: string, key: string, version?: string): Promise<OpenFile | null> {
  const newest = await openFile(root, objectFile(root, key));
  if (version === undefined || newest?.record.sha256 === version) return newest;
  await newest?.handle.close();
  return /^[0-9a-f]{64}$/.test(version) ? openFile(root, join(keptFolder(root, key), version)) : null;
}

export const newestOf = (root: string, key: string): Promise<StoredFile | null> =>
  readRecord(root, objectFile(root, key));

/** The versions that were kept beside the newest when it replaced them. */
export async function keptOf(root: string, key: string): Promise<StoredFile[]> {
  const folder = keptFolder(root, key);
  const kept: StoredFile[] = [];
  for (const name of await namesOf(folder)) {
    const file = await readRecord(root, join(folder, name));
    if (file !== null) kept.push(file);
  }
  return kept;
}

async function namesOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

async function readRecord(root: string, path: string): Promise<StoredFile | null> {
  const file = await openFile(root, path);
  await file?.handle.close();
  return file && { path, record: file.record };
}

async function openFile(root: string, path: string): Promise<OpenFile | null> {
  let handle: FileHandle;
  try {
    await stayBelow(root, dirname(path));
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
  try {
    const { size } = await handle.stat();
    const record = parseRecord(path.slice(root.length), await readAt(handle, 0, Math.min(RECORD_BYTES, size)), size);
    return { path, record, handle };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Bytes> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const { bytesRead } = await handle.read(bytes, at, length - at, position + at);
    if (bytesRead === 0) throw new ObjectStoreRefused("a stored file became shorter while it was read");
    at += bytesRead;
  }
  return bytes;
}

/**
 * The bytes of an open version as they are asked for; closes it at the end. Read whole, they are compared with their
 * digest before the stream ends: what rotted on disk is an error, not an object.
 */
export function fileBody(
  what: string,
  file: OpenFile,
  range: ObjectRange | undefined,
  timeoutMs: number,
): ReadableStream<Bytes> {
  const { handle, record } = file;
  const length = bytesToRead(record.size, range);
  const hash = length === record.size ? createHash("sha256") : null;
  let at = 0;
  return new ReadableStream<Bytes>(
    {
      async pull(controller) {
        try {
          if (at < length) {
            const position = RECORD_BYTES + (range?.offset ?? 0) + at;
            const size = Math.min(LIMITS.objectReadBytes, length - at);
            const bytes = await withDeadline(what, timeoutMs, () => readAt(handle, position, size));
            hash?.update(bytes);
            at += bytes.length;
            controller.enqueue(bytes);
            return;
          }
          if (hash !== null && hash.digest("hex") !== record.sha256)
            throw new ObjectStoreRefused(`${what}: its bytes are not those that were stored`);
          await handle.close();
          controller.close();
        } catch (cause) {
          controller.error(fileFault(what, cause));
          await handle.close();
        }
      },
      cancel: () => handle.close(),
    },
    { highWaterMark: 0 },
  );
}
