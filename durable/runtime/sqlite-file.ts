import { DatabaseSync } from "node:sqlite";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { HostFiles, SyncFile } from "./host-files.ts";
import { NodeSql } from "./node-sql.ts";
import { SyncGate } from "./sync-gate.ts";
import type { SyncRounds } from "./sync-rounds.ts";

/** Asking for the length of the log costs about one statement: once in so many commits. */
const COMMITS_PER_SIZE_CHECK = 16;
/** A frame of the log is a page and its header. */
const FRAME_BYTES = 4_096 + 24;

export interface SqliteFileOptions {
  files: HostFiles;
  /** Folders whose new entries must be on disk before the first answer. */
  foldersChanged: readonly string[];
  /** After a failed sync: writes everything that can be read once more, in the blocking, safest way. */
  recover: boolean;
  /** `sqlite`: blocks for a checkpoint now and then by itself; `owner`: waits to be told. */
  checkpoints: "owner" | "sqlite";
  /** Pages that a deletion sets free are overwritten too; rows in pages that stay always are. */
  overwrites?: boolean;
  /** Where several files are written for one another's callers: their syncs end together. */
  rounds?: SyncRounds;
}

/**
 * One SQLite database in WAL mode. Commits return at once and become durable through asynchronous, shared syncs of the
 * log; copying the log into the database is split in the same way, so that the event loop never waits for a disk.
 * The lock on the file is exclusive and ends with the process. Whoever holds it waits for `checkpoint` before writing.
 */
export class SqliteFile {
  readonly sql: NodeSql;
  readonly #db: DatabaseSync;
  readonly #path: string;
  readonly #files: HostFiles;
  readonly #gate: SyncGate;
  #log: SyncFile | null = null;
  /** Once opened it stays so: closing any descriptor of a database drops the process's locks on it (POSIX). */
  #data: SyncFile | null = null;
  #foldersChanged: readonly string[];
  #commits = 0;
  #newLog = false;
  /** Set by whoever changed tables: SQLite counts changed rows only. */
  schemaChanged = false;

  /** Opens or creates the database. Throws what SQLite or the system throw. */
  constructor(path: string, options: SqliteFileOptions) {
    this.#path = path;
    this.#files = options.files;
    this.#gate = new SyncGate(() => this.#sync(), options.rounds);
    this.#foldersChanged = options.foldersChanged;
    const leftover = options.files.exists(`${path}-wal`);
    this.#db = new DatabaseSync(path);
    try {
      this.#db.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -1024`);
      this.#db.exec(`PRAGMA secure_delete = ${options.overwrites ? "ON" : "FAST"}`);
      // The header that says WAL is synced with the first commit, before any answer.
      this.#db.exec("PRAGMA synchronous = OFF; PRAGMA journal_mode = WAL");
      if (options.checkpoints === "owner") this.#db.exec("PRAGMA wal_autocheckpoint = 0");
      if (options.recover) this.#db.exec("PRAGMA synchronous = FULL; PRAGMA wal_checkpoint(TRUNCATE)");
      // SQLite would sync the header of a log before its first frame, which protects from old frames behind a new
      // header. A log that does not exist yet has none, so its first commit needs no blocking sync.
      this.#newLog = !leftover;
      this.#db.exec(leftover ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = OFF");
    } catch (cause) {
      this.#db.close();
      throw cause;
    }
    this.sql = new NodeSql(this.#db);
    // A log left by a crash may hold commits that were never synced: what is read from it must be durable too.
    if (leftover) this.wrote();
  }

  /** Notes that something was committed; `durable` covers it from now on. */
  wrote(): void {
    this.#commits++;
    this.#gate.wrote();
    if (!this.#newLog) return;
    this.#newLog = false;
    this.#db.exec("PRAGMA synchronous = NORMAL");
  }

  /** Ends the transaction that the owner opened with `sql.enter()`; one that only read leaves nothing to sync. */
  commit(): void {
    this.sql.leave();
    if (this.sql.takeChanged() || this.schemaChanged) this.wrote();
    this.schemaChanged = false;
  }

  /** Null if all commits are on disk; else resolves once they are, or rejects, and then the file must be discarded. */
  durable(): Promise<void> | null {
    return this.#gate.durable();
  }

  /** Whether the log has outgrown its bound. */
  checkpointDue(): boolean {
    if (this.#commits < COMMITS_PER_SIZE_CHECK) return false;
    this.#commits = 1;
    const frames = this.sql.get<{ log: number }>("PRAGMA wal_checkpoint(NOOP)")?.log ?? 0;
    return frames * FRAME_BYTES > LIMITS.walBytesMax;
  }

  /**
   * Copies the log into the database; SQLite then writes it again from its start. It keeps its length: cutting it blocks
   * for milliseconds, and a sync is cheaper where no file grows. Nothing may be written until this resolves.
   */
  async checkpoint(): Promise<void> {
    await this.#copyLog();
    // The header of the restarted log is synced before its frames: an old header would vouch for half of an old log.
    this.#db.exec("PRAGMA synchronous = NORMAL");
    this.#commits = 0;
  }

  /**
   * The same, and the log is cut, so that no earlier form of a page is left in it. Blocks for some milliseconds: for
   * erasures, which are rare.
   */
  async scrub(): Promise<void> {
    await this.checkpoint();
    this.#db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    await this.#log?.sync();
  }

  async #copyLog(): Promise<void> {
    // The order is SQLite's own: log on disk, copy, database on disk, and only then may the log be overwritten. A
    // crash after any step finds either the whole log or a whole database.
    await this.durable();
    this.#db.exec("PRAGMA synchronous = OFF");
    this.#db.exec("PRAGMA wal_checkpoint(PASSIVE)");
    this.#data ??= this.#files.open(this.#path);
    await this.#data.sync();
  }

  /** Makes everything durable and closes. */
  async close(): Promise<void> {
    try {
      // SQLite removes the log, which by then holds nothing that the database does not.
      if (this.#commits > 0) await this.#copyLog();
    } finally {
      await this.#release();
    }
  }

  /** Closes after a failure, once no sync is running; what was not acknowledged may or may not survive. */
  async discard(): Promise<void> {
    await this.durable()?.catch(() => undefined); // the same failure was already given to every waiting call
    await this.#release();
  }

  async #release(): Promise<void> {
    try {
      this.sql.close();
    } finally {
      await Promise.all([this.#log?.close(), this.#data?.close()]);
    }
  }

  async #sync(): Promise<void> {
    this.#log ??= this.#files.open(`${this.#path}-wal`);
    const folders = this.#foldersChanged;
    if (folders.length === 0) return this.#log.sync();
    this.#data ??= this.#files.open(this.#path);
    await Promise.all([
      this.#log.sync(),
      this.#data.sync(),
      ...folders.map((folder) => this.#files.syncFolder(folder)),
    ]);
    this.#foldersChanged = [];
  }
}
