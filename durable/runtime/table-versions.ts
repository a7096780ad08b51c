/** What a statement does, as far as it can be told from its text. */
export type StatementKind = "read" | "write" | "schema";

export interface Touch {
  kind: StatementKind;
  /** The one table that a write changes; null when the text does not say so plainly. */
  table: string | null;
}

const READ = /^\s*(?:SELECT|PRAGMA)\b/i;
const SCHEMA = /^\s*(?:CREATE|DROP|ALTER)\b/i;
const WRITE = /^\s*(?:INSERT INTO|UPDATE|DELETE FROM) "?(\w+)"?/i;

export function touchOf(text: string): Touch {
  if (READ.test(text)) return { kind: "read", table: null };
  if (SCHEMA.test(text)) return { kind: "schema", table: null };
  return { kind: "write", table: WRITE.exec(text)?.[1]?.toLowerCase() ?? null };
}

/**
 * A number for each table that moves whenever its rows may have changed: before each statement that writes it, and when
 * anything is undone. Cores use no triggers and no cascades, so a statement changes the table that it names.
 */
export class TableVersions {
  readonly #versions = new Map<string, number>();
  /** Moves with every table. */
  #all = 0;

  of(table: string): number {
    return this.#all + (this.#versions.get(table) ?? 0);
  }

  wrote({ kind, table }: Touch): void {
    if (kind === "write" && table !== null) this.#versions.set(table, (this.#versions.get(table) ?? 0) + 1);
    else if (kind !== "read") this.#all++;
  }

  undone(): void {
    this.#all++;
  }
}
