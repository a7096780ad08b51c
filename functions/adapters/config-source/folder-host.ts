import { watch } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";

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
    const tooLarge = () => new RangeError(`is larger than ${bytesMax} bytes`);
    if ((await stat(path)).size > bytesMax) throw tooLarge();
    const bytes = await readFile(path);
    // It may have grown meanwhile, and some files tell no size.
    if (bytes.length > bytesMax) throw tooLarge();
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  },
  watch(folder, changed, failed) {
    const watcher = watch(folder, { persistent: false }, () => changed());
    watcher.on("error", failed);
    return () => watcher.close();
  },
};
