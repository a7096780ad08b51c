import * as fs from "node:fs";
import { dirname } from "node:path";

/** A file opened only to be synced: SQLite holds its own descriptor, and a sync works on the file itself. */
export interface SyncFile {
  /** Resolves when everything written to the file so far is on disk. Runs beside the event loop. */
  sync(): Promise<void>;
  /**
   * Beside the event loop too: the last descriptor of a removed file gives its blocks back, which takes milliseconds
   * where the disk is told of each.
   */
  close(): Promise<void>;
}

/** Every call of the embedded host to the operating system; the one file that differs between Deno and Node. */
export interface HostFiles {
  exists(path: string): boolean;
  /** Creates the folder and its parents, and answers the folders whose entries changed. */
  createFolder(path: string): string[];
  open(path: string): SyncFile;
  /** Makes created and removed entries of a folder durable. */
  syncFolder(path: string): Promise<void>;
  remove(path: string): void;
  /** The entries of a folder, a part at a time and beside the event loop; none of a folder that is not there. */
  list(path: string): AsyncIterable<string>;
}

interface DenoFile {
  syncData(): Promise<void>;
  stat(): Promise<{ nlink: number | null }>;
  truncate(bytes: number): Promise<void>;
  close(): void;
}
// safe because: Deno's global is looked at member by member, and absent elsewhere
const deno = (globalThis as { Deno?: { openSync(path: string, options: { read: true; write: true }): DenoFile } }).Deno;

function openNode(path: string, flags: string): SyncFile {
  const descriptor = fs.openSync(path, flags);
  return {
    sync: () =>
      new Promise((resolve, reject) => {
        fs.fdatasync(descriptor, (cause) => (cause ? reject(cause) : resolve()));
      }),
    close: () =>
      new Promise((resolve, reject) => {
        fs.close(descriptor, (cause) => (cause ? reject(cause) : resolve()));
      }),
  };
}

function openDeno(open: NonNullable<typeof deno>["openSync"], path: string): SyncFile {
  const file = open(path, { read: true, write: true });
  return {
    sync: () => file.syncData(),
    async close() {
      try {
        // Deno closes on the event loop, and cuts beside it. A file without a name is read by nobody any more.
        if ((await file.stat()).nlink === 0) await file.truncate(0);
      } finally {
        file.close();
      }
    },
  };
}

export const hostFiles: HostFiles = {
  exists: (path) => fs.existsSync(path),
  createFolder(path) {
    const first = fs.mkdirSync(path, { recursive: true });
    if (first === undefined) return [];
    const changed = [dirname(first)];
    for (let folder = path; folder.length > dirname(first).length; folder = dirname(folder)) changed.push(folder);
    return changed;
  },
  open: (path) => (deno ? openDeno(deno.openSync, path) : openNode(path, "r+")),
  async syncFolder(path) {
    const folder = openNode(path, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
  remove: (path) => fs.rmSync(path, { force: true }),
  async *list(path) {
    if (!fs.existsSync(path)) return;
    for await (const entry of await fs.promises.opendir(path)) yield entry.name;
  },
};
