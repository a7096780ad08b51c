import { createHash, randomUUID } from "node:crypto";
import { type FileHandle, link, mkdir, open, realpath, rename, rmdir, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ObjectStoreRefused } from "../../../shared/contracts/ports/object-store.ts";
import { isFilled, isMissing, isTaken, partialFolder } from "./file-layout.ts";
import { encodeRecord, type FileRecord, RECORD_BYTES } from "./file-record.ts";

const PRIVATE_FILE = 0o600;
const PRIVATE_FOLDER = 0o700;
/** A folder may be removed with its last object between its making and its use; three times in a row it is not chance. */
const PLACE_TRIES_MAX = 3;

/** An object that is being written. If we crash while it exists, the next start removes it and nothing else was touched. */
export class PartialFile {
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #hash = createHash("sha256");
  #size = 0;
  #open = true;
  #placed = false;

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  static async create(root: string): Promise<PartialFile> {
    const path = join(partialFolder(root), randomUUID());
    return new PartialFile(path, await open(path, "wx", PRIVATE_FILE));
  }

  get size(): number {
    return this.#size;
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    await writeAt(this.#handle, bytes, RECORD_BYTES + this.#size);
    this.#size += bytes.length;
  }

  /** Hex; nothing is appended afterwards. */
  digest(): string {
    return this.#hash.digest("hex");
  }

  /** Completes the file and makes it durable under its own name. */
  async finish(record: Omit<FileRecord, "format">): Promise<void> {
    await writeAt(this.#handle, encodeRecord(record), 0);
    await this.#handle.sync();
    this.#open = false;
    await this.#handle.close();
  }

  /** Puts the finished file at `target` in one step, durably; false if `ifAbsent` and there is one. */
  async place(root: string, target: string, ifAbsent: boolean): Promise<boolean> {
    for (let tries = 1; ; tries++) {
      try {
        const changed = await makeFolder(root, dirname(target));
        if (ifAbsent) await link(this.#path, target);
        else await rename(this.#path, target);
        this.#placed = !ifAbsent;
        // If we crash here, the folder shows the object or its predecessor, each whole; nobody was answered yet.
        for (const folder of changed) await syncFolder(folder);
        return true;
      } catch (error) {
        if (ifAbsent && isTaken(error)) return false;
        if (!isMissing(error) || tries === PLACE_TRIES_MAX) throw error;
      }
    }
  }

  /** Lets go of the file: its partial name is gone afterwards. */
  async release(): Promise<void> {
    if (this.#open) await this.#handle.close();
    this.#open = false;
    if (!this.#placed) await unlink(this.#path);
    this.#placed = true;
  }
}

async function writeAt(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, position + at);
    at += bytesWritten;
  }
}

/** Makes a folder below the root and answers every folder whose entries a file in it changes, that one first. */
export async function makeFolder(root: string, folder: string): Promise<string[]> {
  const first = await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER });
  await stayBelow(root, folder);
  const changed = [folder];
  if (first !== undefined) for (let at = folder; at.length >= first.length; at = dirname(at)) changed.push(dirname(at));
  return changed;
}

/** @throws ObjectStoreRefused if a link leads a folder out of its place. */
export async function stayBelow(root: string, folder: string): Promise<void> {
  const real = await realpath(folder);
  if (real !== folder) throw new ObjectStoreRefused(`${folder.slice(root.length)} is reached over a link`);
}

/** Makes created and removed entries durable. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The same for removed entries of a folder that may itself be removed by now: then for the nearest one above it. */
export async function syncNearest(root: string, folder: string): Promise<void> {
  for (let at = folder; ; at = dirname(at)) {
    try {
      return await syncFolder(at);
    } catch (error) {
      if (!isMissing(error) || at.length <= root.length) throw error;
    }
  }
}

/** Removes empty folders from `folder` up to the root. */
export async function pruneFolders(root: string, folder: string): Promise<void> {
  for (let at = folder; at.length > root.length; at = dirname(at)) {
    try {
      await rmdir(at);
    } catch (error) {
      if (isFilled(error)) return;
      if (!isMissing(error)) throw error;
    }
  }
}
