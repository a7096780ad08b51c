import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { ObjectStore } from "../../../shared/contracts/ports/object-store.ts";
import { decodeBundle } from "../../../shared/crypto/log/entry-bundle.ts";
import { type Bundle, entriesPath, TILE_WIDTH, type Tile, tilePath } from "../../../shared/crypto/log/tiles.ts";
import { HASH_BYTES } from "../../../shared/crypto/log/tree.ts";
import { historyName, type PublishedLog } from "../../evidence/export-files.ts";

/** Bytes of what a published log has at a path, or null. */
export async function archived(archive: ObjectStore, key: string): Promise<Uint8Array<ArrayBuffer> | null> {
  const found = await archive.get(key);
  return found.ok ? found.value.bytes : null;
}

/**
 * A log's archive as its checkpoint of `size` entries covers it. A partial tile that made room for the full one is cut out
 * of that. Throws when something published is missing or unreadable: the log's own checks name what happened to it.
 */
export function archivedLog(archive: ObjectStore, prefix: string, size: number): PublishedLog {
  const missing = (path: string) => new Error(`the archive lacks ${prefix}${path}`);
  async function read(path: string): Promise<Uint8Array> {
    const bytes = await archived(archive, `${prefix}${path}`);
    if (bytes === null) throw missing(path);
    return bytes;
  }
  /** The object at the width that was published, else the full one. */
  async function widest<T extends Bundle>(at: T, pathOf: (at: T) => string): Promise<Uint8Array> {
    const bytes = await archived(archive, `${prefix}${pathOf(at)}`);
    return bytes ?? (await read(pathOf({ ...at, width: TILE_WIDTH })));
  }
  return {
    async tile(tile: Tile) {
      const bytes = await widest(tile, tilePath);
      if (bytes.length < tile.width * HASH_BYTES) throw new Error(`${tilePath(tile)} of the archive is too short`);
      return bytes.subarray(0, tile.width * HASH_BYTES);
    },
    async entries(first, end) {
      const n = Math.floor(first / TILE_WIDTH);
      const width = Math.min(TILE_WIDTH, size - n * TILE_WIDTH);
      const decoded = decodeBundle(await widest({ n, width }, entriesPath));
      const from = first - n * TILE_WIDTH;
      const entries = decoded.ok ? decoded.value.slice(from, from + (end - first)) : [];
      if (entries.length !== end - first) throw new Error(`${entriesPath({ n, width })} of the archive is too short`);
      return entries;
    },
    async *checkpoints(after, upTo) {
      const folder = `${prefix}checkpoint-history/`;
      let last = `${prefix}${historyName(after)}`;
      for (let more = true; more; ) {
        const page = await archive.list(folder, { after: last, limit: LIMITS.objectListKeysMax });
        for (const key of page.keys) {
          const name = key.slice(folder.length);
          // Envelopes stand beside their notes.
          if (!/^\d{16}$/.test(name)) continue;
          const found = Number(name);
          if (found > upTo) return;
          if (found > after) yield found;
        }
        last = page.keys.at(-1) ?? last;
        more = page.more;
      }
    },
    async checkpoint(at) {
      return { note: await read(historyName(at)), dsse: await read(`${historyName(at)}.dsse.json`) };
    },
  };
}
