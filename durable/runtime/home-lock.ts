import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Another process, or another host in this one, works in this home directory. */
export class HomeLocked extends Error {
  override readonly name = "HomeLocked";
}

/**
 * Locks `<home>/lock` until `release` or the end of the process, whatever ends it: an SQLite exclusive lock is a lock
 * of the operating system. Throws `HomeLocked` at once when it is taken.
 */
export function lockHome(home: string): { release(): void } {
  const db = new DatabaseSync(join(home, "lock"));
  try {
    db.exec("PRAGMA locking_mode = EXCLUSIVE");
    db.exec("BEGIN EXCLUSIVE");
  } catch (cause) {
    db.close();
    if (isBusy(cause)) throw new HomeLocked(`${home} is in use by another process`, { cause });
    throw cause;
  }
  return { release: () => db.close() };
}

const SQLITE_BUSY = 5;
const isBusy = (cause: unknown): boolean =>
  cause instanceof Error &&
  (("errcode" in cause && cause.errcode === SQLITE_BUSY) || /database is locked/.test(cause.message));
