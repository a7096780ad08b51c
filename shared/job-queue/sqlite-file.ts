import { closeSync, fdatasync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { LIMITS } from "../contracts/limits.ts";
import { JobQueueUnavailable } from "../contracts/ports/job-queue.ts";
import { WalSync } from "./wal-sync.ts";

/** How long SQLite itself waits for the lock, blocking the event loop; then others have their turn first. */
const BLOCKING_MS = 5;
const SQLITE_BUSY = 5;

/** Deno tells the code of some errors only. */
const isBusy = (cause: unknown): boolean =>
  cause instanceof Error &&
  (("errcode" in cause && typeof cause.errcode === "number" && (cause.errcode & 0xff) === SQLITE_BUSY) ||
    cause.message.includes("database is locked"));

/**
 * One SQLite database that several processes write. A transaction holds the lock for microseconds, because commits do
 * not wait for the disk (`synchronous=NORMAL`); `durable` does, beside the event loop, for all commits of that moment.
 * Rejects with `JobQueueUnavailable` when SQLite or the disk does not do it, or another process never lets go.
 */
export class SqliteFile {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #log: number;
  readonly #sync: WalSync;
  #closed = false;

  private constructor(db: DatabaseSync, path: string) {
    this.#db = db;
    // While this connection lives SQLite removes neither log nor database. Locks are on the other two files, so closing
    // this descriptor drops none of them.
    this.#log = openSync(`${path}-wal`, "r+");
    this.#sync = new WalSync({
      sync: () => new Promise((done, failed) => fdatasync(this.#log, (cause) => (cause ? failed(cause) : done()))),
      copy: () => {
        const busy = this.all("PRAGMA wal_checkpoint(TRUNCATE)")[0]?.busy;
        if (busy !== 0) throw new JobQueueUnavailable("a log that failed to sync could not be copied yet");
      },
    });
  }

  /** Opens or creates it; `migrate` runs in one transaction, with what `PRAGMA user_version` says. */
  static async open(path: string, migrate: (db: DatabaseSync, version: number) => void): Promise<SqliteFile> {
    const folder = dirname(path);
    mkdirSync(folder, { recursive: true });
    const db = new DatabaseSync(path);
    try {
      db.exec(`PRAGMA busy_timeout = ${BLOCKING_MS}`);
      await patiently("opening the queue", () => db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL"));
      await patiently("opening the queue", () =>
        inTransaction(db, () => migrate(db, Number(db.prepare("PRAGMA user_version").get()?.user_version))),
      );
      // A crash before this leaves an empty queue at worst: nothing was acknowledged.
      syncFolder(folder);
      return new SqliteFile(db, path);
    } catch (cause) {
      db.close();
      throw cause;
    }
  }

  /** Rows of one statement. */
  all(text: string, ...params: SQLInputValue[]): Record<string, unknown>[] {
    return this.#prepare(text).all(...params);
  }

  /** How many rows one statement changed. */
  change(text: string, ...params: SQLInputValue[]): number {
    return Number(this.#prepare(text).run(...params).changes);
  }

  /** Something that only reads, at one point in time. */
  read<T>(what: string, work: () => T): Promise<T> {
    return patiently(what, () => this.#open(() => inTransaction(this.#db, work, "DEFERRED")));
  }

  /** All or nothing, one writer at a time; what resolved survives the end of this process, not yet a power cut. */
  async write<T>(what: string, work: () => T): Promise<T> {
    const value = await patiently(what, () => this.#open(() => inTransaction(this.#db, work)));
    this.#sync.wrote();
    return value;
  }

  /** Resolves once everything that this process has written is on disk. */
  async durable(what: string): Promise<void> {
    try {
      await this.#sync.durable();
    } catch (cause) {
      throw unavailable(what, cause);
    }
  }

  /** Changes whenever another process has written. Cheap. */
  othersVersion(): unknown {
    return this.#closed ? null : this.all("PRAGMA data_version")[0]?.data_version;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // Nothing is written any more, and what was is on disk or its sender hears that it may not be.
    await this.#sync.durable().catch(() => undefined);
    this.#statements.clear();
    closeSync(this.#log);
    this.#db.close();
  }

  #open<T>(work: () => T): T {
    if (this.#closed) throw new JobQueueUnavailable("the queue is closed");
    return work();
  }

  /** Texts are constants of this folder, some dozens. */
  #prepare(text: string): StatementSync {
    const known = this.#statements.get(text);
    if (known) return known;
    const statement = this.#db.prepare(text);
    this.#statements.set(text, statement);
    return statement;
  }
}

function inTransaction<T>(db: DatabaseSync, work: () => T, mode: "IMMEDIATE" | "DEFERRED" = "IMMEDIATE"): T {
  db.exec(`BEGIN ${mode}`);
  try {
    const value = work();
    db.exec("COMMIT");
    return value;
  } catch (cause) {
    // SQLite rolls back by itself on a full disk or an I/O error.
    if (db.isTransaction) db.exec("ROLLBACK");
    throw cause;
  }
}

/** Tries again while another process has the lock, with the event loop free in between. */
async function patiently<T>(what: string, work: () => T): Promise<T> {
  const until = performance.now() + LIMITS.queueBusyMsMax;
  for (let waitMs = 1; ; waitMs = Math.min(waitMs * 2, 50)) {
    try {
      return work();
    } catch (cause) {
      if (!isBusy(cause) || performance.now() > until) throw unavailable(what, cause);
    }
    await new Promise((tick) => setTimeout(tick, waitMs));
  }
}

const unavailable = (what: string, cause: unknown): unknown =>
  cause instanceof JobQueueUnavailable || cause instanceof RangeError
    ? cause
    : new JobQueueUnavailable(`${what}: ${cause instanceof Error ? cause.message : "failed"}`, { cause });

/** New entries of the folder survive a power cut from here on. */
function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
