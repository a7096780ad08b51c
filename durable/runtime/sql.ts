import type { Result } from "../../shared/contracts/result.ts";

export type SqlValue = string | number | Uint8Array | null;
export type SqlRow = Record<string, SqlValue>;

/**
 * Synchronous SQLite as durable cores see it, over Durable Object storage and `node:sqlite` alike. At most 100 bound
 * parameters a statement (platform limit); integers stay below 2^53; blobs are `Uint8Array` both ways.
 */
export interface Sql {
  all<R extends SqlRow>(text: string, ...params: SqlValue[]): R[];
  get<R extends SqlRow>(text: string, ...params: SqlValue[]): R | undefined;
  run(text: string, ...params: SqlValue[]): void;
  /** As `run`, and answers how many rows it changed; on Durable Object storage that costs a second statement. */
  change(text: string, ...params: SqlValue[]): number;
  /**
   * Rolls back when the body throws **or answers `ok: false`**. What a refusal must leave behind is written by a
   * second, named step in the same call. Nests as savepoints.
   */
  transaction<T, E>(body: () => Result<T, E>): Result<T, E>;
  /**
   * A number that moves whenever rows of the table may have changed through this connection, or what changed them was
   * undone: whatever was read at the same number is still so. See `Known`.
   */
  version(table: string): number;
  /**
   * What the running step deleted is to be found in no file of the database once its call is answered. A Durable Object's
   * storage takes no such orders: there the platform's own history of it (30 days) is the bound.
   */
  erased(): void;
}

/** One step of a schema; `id` increases by one and never changes once released. */
export interface Migration {
  id: number;
  sql: readonly string[];
  /** The oldest schema id whose code still works after this step; absent: only this one and later. */
  floor?: number;
}

/** What a shell injects into a core besides storage. */
export interface CoreEnv {
  /** Unix milliseconds. */
  now: number;
  /** 26 characters, base62, unique. */
  mint: () => string;
}
