import type { Migration, Sql } from "./sql.ts";

/** Due work of one object; its alarm is the minimum. Include `TIMERS_SCHEMA` in one of the object's migrations. */
export const TIMERS_SCHEMA: Migration["sql"] = [
  "CREATE TABLE _timers (kind TEXT NOT NULL, key TEXT NOT NULL, due_ms INTEGER NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID",
  "CREATE INDEX _timers_due ON _timers (due_ms)",
];

export interface Timer {
  kind: string;
  key: string;
  due_ms: number;
}

/** Sets or moves the timer of this kind and key. */
export function setTimer(sql: Sql, timer: Timer): void {
  sql.run(
    "INSERT INTO _timers (kind, key, due_ms) VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET due_ms = excluded.due_ms",
    timer.kind,
    timer.key,
    timer.due_ms,
  );
}

/** Answers whether the timer was set. */
export const clearTimer = (sql: Sql, kind: string, key: string): boolean =>
  sql.change("DELETE FROM _timers WHERE kind = ? AND key = ?", kind, key) > 0;

/** Timers that are due, earliest first. They stay until cleared or moved, so a crash in between repeats them. */
export const dueTimers = (sql: Sql, now: number, limit: number): Timer[] =>
  sql.all<Timer & Record<string, string | number>>(
    "SELECT kind, key, due_ms FROM _timers WHERE due_ms <= ? ORDER BY due_ms, kind, key LIMIT ?",
    now,
    limit,
  );

/** Unix milliseconds of the earliest timer, or null. */
export const nextTimer = (sql: Sql): number | null =>
  sql.get<{ due_ms: number }>("SELECT due_ms FROM _timers ORDER BY due_ms LIMIT 1")?.due_ms ?? null;
