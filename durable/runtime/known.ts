import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Sql } from "./sql.ts";

/**
 * What a core knows of tables without reading them again. It is the only writer of its database, so knowledge holds until
 * one of the tables is written or something is undone; who writes and still knows says so with `set` afterwards. It is
 * gone with its connection.
 */
export class Known<T> {
  readonly #tables: readonly string[];
  readonly #facts = new WeakMap<Sql, { version: number; value: T }>();

  constructor(...tables: readonly string[]) {
    this.#tables = tables;
  }

  get(sql: Sql): T | undefined {
    const fact = this.#facts.get(sql);
    return fact?.version === this.#version(sql) ? fact.value : undefined;
  }

  /** To be called as soon as `value` was read, or as soon as what it tells was written. */
  set(sql: Sql, value: T): void {
    const version = this.#version(sql);
    const fact = this.#facts.get(sql);
    if (fact === undefined) this.#facts.set(sql, { version, value });
    else {
      fact.version = version;
      fact.value = value;
    }
  }

  /** Versions only ever grow, so their sum is the same only if each of them is. */
  #version(sql: Sql): number {
    let sum = 0;
    for (let at = 0; at < this.#tables.length; at++) sum += sql.version(this.#tables[at] ?? "");
    return sum;
  }
}

/** The same for rows by key, at most `knownRowsMax` of them: what is not known may exist all the same. */
export class KnownRows<K, V> {
  readonly #rows: Known<Map<K, V>>;

  constructor(...tables: readonly string[]) {
    this.#rows = new Known(...tables);
  }

  get(sql: Sql, key: K): V | undefined {
    return this.#rows.get(sql)?.get(key);
  }

  /** To be called as soon as the row was read. */
  set(sql: Sql, key: K, row: V): void {
    const rows = this.#rows.get(sql) ?? new Map();
    keep(rows, key, row);
    this.#rows.set(sql, rows);
  }

  /** Performs one write after which this row is as given, or unknown, and all others as they were. */
  through(sql: Sql, write: () => void, key: K, row: V | null): void {
    const known = this.#rows.get(sql) ?? new Map();
    write();
    if (row === null) known.delete(key);
    else keep(known, key, row);
    this.#rows.set(sql, known);
  }

  /** The same for a write of several rows. */
  throughAll(sql: Sql, write: () => void, rows: Iterable<readonly [K, V]>): void {
    const known = this.#rows.get(sql) ?? new Map();
    write();
    for (const [key, row] of rows) keep(known, key, row);
    this.#rows.set(sql, known);
  }
}

function keep<K, V>(rows: Map<K, V>, key: K, row: V): void {
  if (rows.size >= LIMITS.knownRowsMax && !rows.has(key)) {
    const [oldest] = rows.keys();
    if (oldest !== undefined) rows.delete(oldest);
  }
  rows.set(key, row);
}
