import { clearTimeout, setTimeout } from "node:timers";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { LogPart } from "../../../shared/contracts/ports/task-log.ts";
import { type HostFiles, hostFiles } from "../../runtime/host-files.ts";
import { ObjectUnavailable } from "../../runtime/object-class.ts";
import { SqliteFile } from "../../runtime/sqlite-file.ts";
import type { PartJournal } from "./part-journal.ts";

interface Waiting {
  name: string;
  part: LogPart;
  done: PromiseWithResolvers<void>;
}

/**
 * The journal in one SQLite file. What comes within `logJournalMs` shares one transaction and one sync; a batch that fails
 * fails every append in it, and the next one opens the file anew.
 */
export class JournalFile implements PartJournal {
  readonly #path: string;
  readonly #files: HostFiles;
  #file: SqliteFile | null;
  readonly #unfolded = new Map<string, LogPart[]>();
  #waiting: Waiting[] = [];
  /** Frames up to which each task's rows are to be deleted. */
  #gone = new Map<string, number>();
  #timer: ReturnType<typeof setTimeout> | null = null;
  #timerAt = Number.POSITIVE_INFINITY;
  #writing: Promise<void> | null = null;
  #lastMs = Number.NEGATIVE_INFINITY;
  #closed = false;

  /** Opens or creates the file and reads what was never folded. Throws what SQLite or the system throw. */
  constructor(path: string, folder: string, files: HostFiles = hostFiles) {
    this.#path = path;
    this.#files = files;
    this.#file = this.#open(false, files.exists(path) ? [] : [folder]);
    const rows = this.#file.sql.all<{ name: string; first: number; frames: number; sealed: Uint8Array }>(
      "SELECT name, first, frames, sealed FROM part ORDER BY name, first",
    );
    for (const { name, first, frames, sealed } of rows) this.#keep(name, { from: first, frames, sealed });
  }

  /** Tasks that have parts here. */
  names(): string[] {
    return [...this.#unfolded.keys()];
  }

  of(name: string): readonly LogPart[] {
    return this.#unfolded.get(name) ?? [];
  }

  append(name: string, part: LogPart): Promise<void> | null {
    const bytes = part.sealed.byteLength;
    if (this.#closed || bytes > LIMITS.logJournalPartBytesMax || this.of(name).length >= LIMITS.logJournalPartsMax)
      return null;
    this.#keep(name, part);
    const done = Promise.withResolvers<void>();
    this.#waiting.push({ name, part, done });
    this.#writeAt(this.#lastMs + LIMITS.logJournalMs);
    return done.promise;
  }

  folded(name: string, upTo: number): void {
    const kept = this.#unfolded.get(name);
    if (!kept) return;
    const rest = kept.filter(({ from, frames }) => from + frames - 1 > upTo);
    if (rest.length === kept.length) return;
    if (rest.length === 0) this.#unfolded.delete(name);
    else this.#unfolded.set(name, rest);
    this.#gone.set(name, upTo);
    // In no haste: a row that comes back after a crash is one that the task's file has.
    if (!this.#closed) this.#writeAt(performance.now() + LIMITS.logJournalForgetMs);
  }

  /** Writes what waits and closes. Nothing may be appended afterwards. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#clear();
    while (this.#writing !== null) await this.#writing;
    if (this.#waiting.length > 0 || this.#gone.size > 0) await this.#write();
    await this.#file?.close();
    this.#file = null;
  }

  #keep(name: string, part: LogPart): void {
    const kept = this.#unfolded.get(name);
    if (kept) kept.push(part);
    else this.#unfolded.set(name, [part]);
  }

  #clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  #writeAt(atMs: number): void {
    // A batch under way looks again when it is over.
    if (this.#writing !== null || atMs >= this.#timerAt) return;
    this.#clear();
    this.#timerAt = atMs;
    this.#timer = setTimeout(
      () => {
        this.#clear();
        this.#writing = this.#write().finally(() => {
          this.#writing = null;
          if (this.#closed) return;
          if (this.#waiting.length > 0) this.#writeAt(this.#lastMs + LIMITS.logJournalMs);
          else if (this.#gone.size > 0) this.#writeAt(performance.now() + LIMITS.logJournalForgetMs);
        });
      },
      Math.max(0, atMs - performance.now()),
    );
  }

  /** One batch; never rejects. */
  async #write(): Promise<void> {
    this.#lastMs = performance.now();
    const [waiting, gone] = [this.#waiting, this.#gone];
    this.#waiting = [];
    this.#gone = new Map();
    let file: SqliteFile | null = null;
    try {
      this.#file ??= this.#open(true, []);
      file = this.#file;
      const { sql } = file;
      sql.enter(false);
      for (const { name, part } of waiting)
        sql.run(
          "INSERT OR REPLACE INTO part (name, first, frames, sealed) VALUES (?, ?, ?, ?)",
          ...[name, part.from, part.frames, part.sealed],
        );
      // Behind the inserts: a part may have been folded while it waited.
      for (const [name, upTo] of gone) sql.run("DELETE FROM part WHERE name = ? AND first <= ?", name, upTo);
      file.commit();
      await file.durable();
      for (const { done } of waiting) done.resolve();
      if (file.checkpointDue()) await file.checkpoint();
    } catch (cause) {
      await this.#lost(file);
      const unavailable = new ObjectUnavailable("the journal of tasks' logs could not be written", { cause });
      // After a checkpoint that failed these are resolved already: what they wrote is durable.
      for (const { done } of waiting) done.reject(unavailable);
    }
  }

  async #lost(file: SqliteFile | null): Promise<void> {
    this.#file = null;
    if (file === null) return;
    if (file.sql.inTransaction) file.sql.abandon();
    await file.discard();
  }

  #open(recover: boolean, foldersChanged: string[]): SqliteFile {
    const options = { files: this.#files, foldersChanged, recover, checkpoints: "owner" } as const;
    const file = new SqliteFile(this.#path, options);
    file.sql.run(
      "CREATE TABLE IF NOT EXISTS part (name TEXT NOT NULL, first INTEGER NOT NULL, frames INTEGER NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (name, first)) WITHOUT ROWID",
    );
    file.wrote();
    return file;
  }
}
