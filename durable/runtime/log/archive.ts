import type { LogFault } from "../../../shared/contracts/log.ts";
import { type ObjectLock, ObjectStoreUnavailable } from "../../../shared/contracts/ports/object-store.ts";
import type { Bundle, Tile } from "../../../shared/crypto/log/tiles.ts";
import { entriesPath, TILE_WIDTH, tilePath } from "../../../shared/crypto/log/tiles.ts";
import type { LogParts } from "./parts.ts";

/** Archive and database disagree: the turn ends here, and the log is halted. Never leaves the log's own shell. */
export class FaultFound extends Error {
  override readonly name = "FaultFound";
  readonly fault: LogFault;
  constructor(fault: LogFault, detail: string) {
    super(detail);
    this.fault = fault;
  }
}

const SIZE_DIGITS = 16;
const HISTORY = "checkpoint-history/";
export const CHECKPOINT_PATH = "checkpoint";
export const historyPath = (size: number): string => `${HISTORY}${String(size).padStart(SIZE_DIGITS, "0")}`;
export const envelopePath = (size: number): string => `${historyPath(size)}.dsse.json`;

const HISTORY_PAGE = 1_000;
const DAY_MS = 86_400_000;

/** Whether two byte strings are the same; nothing here is secret. */
export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, at) => byte === b[at]);

/** The objects of one log. Every call rejects as `ObjectStore` does. */
export class LogArchive {
  readonly #parts: LogParts;
  readonly #prefix: string;
  /** The pointer as it was read or written last: its etag, or null for none. */
  #pointer: string | null | undefined;

  constructor(parts: LogParts, log: string) {
    this.#parts = parts;
    const prefix = parts.prefix(log);
    this.#prefix = prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`;
  }

  async read(path: string, version?: string): Promise<Uint8Array | null> {
    const got = await this.#parts.archive.get(this.#prefix + path, version === undefined ? {} : { version });
    return got.ok ? got.value.bytes : null;
  }

  readTile = (tile: Tile): Promise<Uint8Array | null> => this.read(tilePath(tile));
  readBundle = (bundle: Bundle): Promise<Uint8Array | null> => this.read(entriesPath(bundle));

  /**
   * Writes an object that must never change. Answers null if it was absent, and what is there if it was not. An object that
   * is refused as present and then cannot be found is somebody else's haste: tried again later.
   */
  async putOnce(
    path: string,
    bytes: Uint8Array,
    lock: ObjectLock | null,
    contentType = "application/octet-stream",
  ): Promise<{ there: Uint8Array | null; version: string | null }> {
    const options = { if_absent: true, lock, content_type: contentType };
    const put = await this.#parts.archive.put(this.#prefix + path, bytes, options);
    if (put.ok) return { there: null, version: put.value.version };
    const got = await this.#parts.archive.get(this.#prefix + path);
    if (!got.ok) throw new ObjectStoreUnavailable(`${path} was there and is gone`);
    return { there: got.value.bytes, version: got.value.version };
  }

  /** The pointer to the newest checkpoint: the one object that is replaced. Null: there is none. */
  async readCheckpoint(): Promise<Uint8Array | null> {
    const got = await this.#parts.archive.get(this.#prefix + CHECKPOINT_PATH);
    this.#pointer = got.ok ? got.value.etag : null;
    return got.ok ? got.value.bytes : null;
  }

  /**
   * Replaces the pointer that was read, and no other: what a process sent before it died arrives at any time, and would put
   * an older checkpoint over a newer one.
   */
  async putCheckpoint(note: Uint8Array): Promise<void> {
    if (this.#pointer === undefined) await this.readCheckpoint();
    const condition = typeof this.#pointer === "string" ? { if_match: this.#pointer } : { if_absent: true };
    const options = { content_type: NOTE_TYPE, ...condition };
    const put = await this.#parts.archive.put(this.#prefix + CHECKPOINT_PATH, note, options);
    if (!put.ok) throw new ObjectStoreUnavailable("somebody else replaced the checkpoint meanwhile");
    this.#pointer = put.value.etag;
  }

  /**
   * The largest size above `size` under which a checkpoint is archived, or null. Stops at the first page that reaches
   * beyond `enough`: more would say no more.
   */
  async newestBehind(size: number, enough: number): Promise<number | null> {
    let newest: number | null = null;
    let after = this.#prefix + historyPath(size);
    for (;;) {
      const page = await this.#parts.archive.list(this.#prefix + HISTORY, { after, limit: HISTORY_PAGE });
      for (const key of page.keys) {
        const name = key.slice(this.#prefix.length + HISTORY.length);
        if (/^\d{16}$/.test(name) && Number(name) > size) newest = Number(name);
      }
      const last = page.keys.at(-1);
      if (!page.more || last === undefined || (newest !== null && newest > enough)) return newest;
      after = last;
    }
  }

  /** Removes the partial tiles or bundles before a full one. Answers until when one of them is locked, or null when all are gone. */
  async removePartials(full: { level: number; n: number }, entries: boolean): Promise<number | null> {
    const path = entries ? entriesPath({ n: full.n, width: 1 }) : tilePath({ ...full, width: 1 });
    const folder = this.#prefix + path.slice(0, -1);
    const { keys } = await this.#parts.archive.list(folder, { limit: TILE_WIDTH });
    let lockedUntil: number | null = null;
    for (const key of keys) {
      const gone = await this.#parts.archive.delete(key);
      if (!gone.ok) lockedUntil = Math.max(lockedUntil ?? 0, gone.error.until_ms);
    }
    return lockedUntil;
  }

  /** Full tiles, full bundles and checkpoints. */
  lockFull = (nowMs: number): ObjectLock | null => lockOf(nowMs, this.#parts.retention_days() * DAY_MS);

  /** Partial ones: never for longer than the full ones. */
  lockPartial = (nowMs: number, partialMs: number): ObjectLock | null =>
    lockOf(nowMs, Math.min(this.#parts.retention_days() * DAY_MS, partialMs));
}

const lockOf = (nowMs: number, forMs: number): ObjectLock | null =>
  forMs > 0 ? { mode: "compliance", until_ms: nowMs + forMs } : null;

export const NOTE_TYPE = "text/plain; charset=utf-8";
