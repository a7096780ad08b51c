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

  /** To be called when `value` was read, or after what it tells was written. */
  set(sql: Sql, value: T): void {
    this.#facts.set(sql, { version: this.#version(sql), value });
  }

  /** Versions only ever grow, so their sum is the same only if each of them is. */
  #version(sql: Sql): number {
    let sum = 0;
    for (const table of this.#tables) sum += sql.version(table);
    return sum;
  }
}
