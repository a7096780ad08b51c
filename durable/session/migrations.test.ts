import { describe, expect, it } from "vitest";
import { migrate } from "../runtime/migrate.ts";
import { openMemorySql } from "../runtime/node-sql.ts";
import { setTimer } from "../runtime/timers.ts";
import { append, info, sessionClass } from "./core.ts";
import { erase } from "./erase.ts";
import { SESSION_MIGRATIONS } from "./migrations.ts";
import { deleteResponse } from "./responses.ts";

const NOW = 1_795_000_000_000;
const env = { now: NOW, mint: () => "0".repeat(26) };

describe("a session from before conversations had keys", () => {
  it("is not found, because nothing could erase it, and ends when it was to end", () => {
    const sql = openMemorySql();
    migrate(sql, SESSION_MIGRATIONS.slice(0, 1));
    sql.run(
      `INSERT INTO session (one, id, created_ms, expires_ms, version, meta, items, bytes)
       VALUES (1, 's', ?, ?, 1, NULL, 0, 0)`,
      NOW,
      NOW + 1_000,
    );
    sql.run("INSERT INTO response (id, parent, gone, bytes) VALUES ('r', NULL, 0, 3)");
    setTimer(sql, { kind: "session", key: "", due_ms: NOW + 1_000 });
    migrate(sql, SESSION_MIGRATIONS);
    const missing = { ok: false, error: { reason: "not_found" } };
    expect(info(sql, env)).toEqual(missing);
    expect(append(sql, env, null, [])).toEqual(missing);
    expect(deleteResponse(sql, env, "r")).toEqual(missing);
    expect(erase(sql, env)).toEqual(missing);
    sessionClass.sweep?.(sql, { ...env, now: NOW + 1_000 });
    expect(sql.all("SELECT name FROM sqlite_master WHERE type = 'table'")).toEqual([]);
  });
});
