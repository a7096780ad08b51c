import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Rows of a database of a running cell, read from a copy: the cell itself has it locked. */
export function rowsOf(path: string, query: string): Record<string, unknown>[] {
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-copy-"));
  try {
    const copy = join(folder, "copy.sqlite");
    copyFileSync(path, copy);
    if (existsSync(`${path}-wal`)) copyFileSync(`${path}-wal`, `${copy}-wal`);
    const db = new DatabaseSync(copy);
    try {
      return db.prepare(query).all() as Record<string, unknown>[]; // safe because: rows are objects
    } finally {
      db.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
