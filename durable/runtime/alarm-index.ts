import { join } from "node:path";
import type { HostFiles } from "./host-files.ts";
import { SqliteFile } from "./sqlite-file.ts";

export interface IndexedAlarm {
  class: string;
  name: string;
  at_ms: number;
}

/** One look-up a class: `DISTINCT` would read every row. */
const CLASSES = `WITH RECURSIVE c(class) AS (SELECT min(class) FROM alarms
    UNION ALL SELECT (SELECT min(a.class) FROM alarms a WHERE a.class > c.class) FROM c WHERE c.class IS NOT NULL)
  SELECT class FROM c WHERE class IS NOT NULL`;

/**
 * When each object is to be woken, in `<home>/alarms.sqlite`: found after a restart without opening the objects. An
 * entry is never later than the object's own `nextDue`: it is durable before the object commits an earlier one. It may
 * be too early, which costs one look.
 */
export class AlarmIndex {
  readonly #path: string;
  readonly #files: HostFiles;
  #file: SqliteFile | null;

  constructor(home: string, files: HostFiles) {
    this.#path = join(home, "alarms.sqlite");
    this.#files = files;
    this.#file = this.#open(false, files.exists(this.#path) ? [] : [home]);
  }

  get(className: string, name: string): number | null {
    const row = this.#opened().sql.get<{ at_ms: number }>(
      "SELECT at_ms FROM alarms WHERE class = ? AND name = ?",
      className,
      name,
    );
    return row?.at_ms ?? null;
  }

  /** Sets the alarm, or removes it with null; resolves once that is durable. */
  async put(className: string, name: string, at_ms: number | null): Promise<void> {
    const file = this.#opened();
    if (at_ms === null) file.sql.run("DELETE FROM alarms WHERE class = ? AND name = ?", className, name);
    else {
      file.sql.run(
        "INSERT INTO alarms (class, name, at_ms) VALUES (?, ?, ?) ON CONFLICT (class, name) DO UPDATE SET at_ms = excluded.at_ms",
        className,
        name,
        at_ms,
      );
    }
    file.wrote();
    try {
      await file.durable();
    } catch (cause) {
      // Every waiting call learns of the same failure; the first one closes, the next use reopens.
      if (this.#file === file) {
        this.#file = null;
        await file.discard();
      }
      throw cause;
    }
  }

  /** Classes that have alarms here, whether this host serves them or not. */
  classes(): string[] {
    return this.#opened()
      .sql.all<{ class: string }>(CLASSES)
      .map((row) => row.class);
  }

  /** The earliest alarms of one class, due or not. */
  earliest(className: string, limit: number): IndexedAlarm[] {
    return this.#opened().sql.all<IndexedAlarm & Record<string, string | number>>(
      "SELECT class, name, at_ms FROM alarms WHERE class = ? ORDER BY at_ms LIMIT ?",
      className,
      limit,
    );
  }

  /** Names of one class whose alarm is at this time or before it, the earliest first. */
  upTo(className: string, at_ms: number, limit: number): string[] {
    return this.#opened()
      .sql.all<{ name: string }>(
        "SELECT name FROM alarms WHERE class = ? AND at_ms <= ? ORDER BY at_ms LIMIT ?",
        className,
        at_ms,
        limit,
      )
      .map(({ name }) => name);
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }

  #opened(): SqliteFile {
    this.#file ??= this.#open(true, []);
    return this.#file;
  }

  #open(recover: boolean, foldersChanged: string[]): SqliteFile {
    const file = new SqliteFile(this.#path, { files: this.#files, foldersChanged, recover, checkpoints: "sqlite" });
    try {
      file.sql.run(
        "CREATE TABLE IF NOT EXISTS alarms (class TEXT NOT NULL, name TEXT NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (class, name)) WITHOUT ROWID",
      );
      file.sql.run("CREATE INDEX IF NOT EXISTS alarms_by_class ON alarms (class, at_ms)");
      file.sql.run("DROP INDEX IF EXISTS alarms_at");
    } catch (cause) {
      // It holds the file's lock: the next look could not open it. Whoever asked is told the cause.
      file.discard().catch(() => undefined);
      throw cause;
    }
    return file;
  }
}
