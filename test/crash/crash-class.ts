import type { ObjectClass } from "../../durable/runtime/object-class.ts";
import { clearTimer, dueTimers, nextTimer, TIMERS_SCHEMA } from "../../durable/runtime/timers.ts";

export const OBJECTS = 4;
export const WRITERS = 32;

/** What the killed process writes and its successor reads. */
export const crashClass: ObjectClass = {
  name: "crash",
  migrations: [
    {
      id: 1,
      sql: [...TIMERS_SCHEMA, "CREATE TABLE row (k INTEGER PRIMARY KEY, payload BLOB)", "CREATE TABLE woken (one)"],
    },
  ],
  nextDue: nextTimer,
  sweep(sql, env) {
    for (const { kind, key } of dueTimers(sql, env.now, 10)) {
      sql.run("INSERT INTO woken VALUES (1)");
      clearTimer(sql, kind, key);
    }
    return false;
  },
};
