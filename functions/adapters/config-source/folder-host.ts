import { watch } from "node:fs";
import { open, readdir } from "node:fs/promises";

/** The few file calls that the folder source needs. */
export interface FolderHost {
  /** Names in the folder. Rejects when it cannot be read. */
  list(folder: string): Promise<string[]>;
  /** The file as UTF-8 text. Rejects when it is missing, larger than `bytesMax`, or not UTF-8. */
  read(path: string, bytesMax: number): Promise<string>;
  /** Calls `changed` after changes, possibly late, twice or not at all. Answers the function that stops it. */
  watch(folder: string, changed: () => void, failed: (error: unknown) => void): () => void;
}

/** The host's own file system; the same calls on Deno and on Node. */
export const nodeFolderHost: FolderHost = {
  list: (folder) => readdir(folder),
  async read(path, bytesMax) {
    const file = await open(path, "r");
    try {
      // One byte more than allowed tells a full file from one that is too large, whatever its size says.
      const buffer = new Uint8Array(bytesMax + 1);
      let length = 0;
      for (;;) {
        const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
        length += bytesRead;
        if (bytesRead === 0 || length === buffer.length) break;
      }
      if (length > bytesMax) throw new RangeError(`is larger than ${bytesMax} bytes`);
      return new TextDecoder("utf-8", { fatal: true }).decode(buffer.subarray(0, length));
    } finally {
      await file.close();
    }
  },
  watch(folder, changed, failed) {
    const watcher = watch(folder, { persistent: false }, () => changed());
    watcher.on("error", failed);
    return () => watcher.close();
  },
};
