import { LIMITS } from "../contracts/limits.ts";
import { err, ok, type Result } from "../contracts/result.ts";
import { decodeBundle } from "../crypto/log/entry-bundle.ts";
import { entriesPath, TILE_WIDTH, type Tile, tilePath } from "../crypto/log/tiles.ts";
import { HASH_BYTES } from "../crypto/log/tree.ts";
import { type Fault, fault } from "./fault.ts";

/** A log's archive as its prefix holds it, wherever that is. */
export interface LogReader {
  /** At most `bytesMax + 1` bytes of what is at `path`, so that what is too large shows; null where there is nothing. */
  read(path: string, bytesMax: number): Promise<Uint8Array | null>;
  /** Names directly below `folder`; none where there is no such folder. */
  list(folder: string): Promise<string[]>;
}

const BUNDLE_BYTES_MAX = TILE_WIDTH * (LIMITS.ledgerEntryBytesMax + 2);

/** Widths at which a tile may be read that must have `width`: an archive drops partial tiles that have filled up. */
async function widthsOf(log: LogReader, full: string, width: number): Promise<number[]> {
  const names = width === TILE_WIDTH ? [] : await log.list(`${full}.p`);
  const partial = names.filter((name) => /^[1-9]\d{0,2}$/.test(name)).map(Number);
  const wider = partial.filter((other) => other > width && other < TILE_WIDTH);
  return [width, TILE_WIDTH, ...wider];
}

/** A hash tile, cut to its width; null where the archive has neither it nor a wider one. */
export async function readTile(log: LogReader, tile: Tile): Promise<Uint8Array | null> {
  const { level, n, width } = tile;
  for (const found of await widthsOf(log, tilePath({ level, n, width: TILE_WIDTH }), width)) {
    const bytes = await log.read(tilePath({ level, n, width: found }), found * HASH_BYTES);
    if (bytes === null) continue;
    // One that is cut or grew is not this tile, whatever it begins with.
    return bytes.length === found * HASH_BYTES ? bytes.subarray(0, width * HASH_BYTES) : bytes.subarray(0, 0);
  }
  return null;
}

/** The entries `[n · 256, n · 256 + width)` as bytes. */
export async function readBundle(log: LogReader, n: number, width: number): Promise<Result<Uint8Array[], Fault>> {
  const first = n * TILE_WIDTH;
  const full = entriesPath({ n, width: TILE_WIDTH });
  for (const found of await widthsOf(log, full, width)) {
    const path = entriesPath({ n, width: found });
    const bytes = await log.read(path, BUNDLE_BYTES_MAX);
    if (bytes === null) continue;
    if (bytes.length > BUNDLE_BYTES_MAX) return err(fault("too_large", `${path} is larger than bundles are`, first));
    const entries = decodeBundle(bytes);
    if (!entries.ok) return err(fault("truncated", `${path} is ${entries.error.reason}`, first));
    const count = entries.value.length;
    return count === found
      ? ok(entries.value.slice(0, width))
      : err(fault("entry_malformed", `${path} has ${count} entries, not ${found}`, first + Math.min(count, width)));
  }
  return err(fault("file_missing", `${entriesPath({ n, width })} is missing`, first));
}
