import type { UnixMs } from "../../shared/contracts/ids.ts";
import type { JsonObject } from "../../shared/contracts/json.ts";
import type { LedgerEntry } from "../../shared/contracts/ledger.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { ActiveSnapshot, SystemEvent } from "../../shared/contracts/ports/cell-store.ts";
import { ok, type Result } from "../../shared/contracts/result.ts";
import { canonicalJson } from "../../shared/crypto/canonical-json.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { chunkBytes } from "../runtime/byte-chunks.ts";
import { type Bundles, NO_BUNDLES } from "../runtime/log/bundles.ts";
import type { ObjectClass } from "../runtime/object-class.ts";
import type { CoreEnv, Sql } from "../runtime/sql.ts";
import { CELL_MIGRATIONS } from "./migrations.ts";
import { noteSigningKey } from "./signing-keys.ts";
import {
  appendEvent,
  type CellOrigin,
  closeWindows,
  entriesFrom,
  headOf,
  lastOrigin,
  nextWindowClose,
  noteEvent,
} from "./system-ledger.ts";

const SWEEP_MAX = 100;
/** Counts increments that were not taken because there are too many counters. */
const COUNTERS_REFUSED = "bailiwick_counters_refused_total";

/** The cell itself: activations, the system ledger, counters, and which tenants live here. */
export const cellClass: ObjectClass = { name: "cell", migrations: CELL_MIGRATIONS, nextDue: nextWindowClose, sweep };

export function active(sql: Sql): ActiveSnapshot | null {
  const row = sql.get<{ digest: string; activated_ms: number; revision: number }>(
    "SELECT digest, activated_ms, revision FROM activation ORDER BY revision DESC LIMIT 1",
  );
  return row ? snapshotOf(row) : null;
}

/** Keeps the files, records the activation and writes it to the system ledger, in one transaction. */
export function activate(
  sql: Sql,
  env: CoreEnv,
  origin: CellOrigin,
  digest: string,
  files: JsonObject,
): Result<ActiveSnapshot, never> {
  return sql.transaction(() => {
    const current = active(sql);
    if (current?.digest === digest) return ok(current);
    if (sql.get("SELECT 1 AS found FROM snapshot_chunk WHERE digest = ? LIMIT 1", digest) === undefined) {
      chunkBytes(utf8(canonicalJson(files))).forEach((chunk, at) => {
        sql.run("INSERT INTO snapshot_chunk (digest, at, files) VALUES (?, ?, ?)", digest, at, chunk);
      });
    }
    const next = { digest, activated_ms: env.now, revision: (current?.revision ?? 0) + 1 };
    sql.run(
      "INSERT INTO activation (revision, digest, activated_ms) VALUES (?, ?, ?)",
      next.revision,
      next.digest,
      next.activated_ms,
    );
    sql.run(
      "DELETE FROM snapshot_chunk WHERE digest NOT IN (SELECT digest FROM activation WHERE revision > ?)",
      next.revision - LIMITS.snapshotsKeptMax,
    );
    appendEvent(sql, env, origin, {
      kind: "config.changed",
      reason: "activated",
      source: null,
      detail: { digest, previous: current?.digest ?? null, revision: next.revision },
    });
    return ok(snapshotOf(next));
  });
}

export function system(
  sql: Sql,
  env: CoreEnv,
  origin: CellOrigin,
  events: readonly SystemEvent[],
): Result<null, never> {
  return sql.transaction(() => {
    for (const event of events)
      (event.kind === "signing_key.added" ? noteSigningKey : noteEvent)(sql, env, origin, event);
    return ok(null);
  });
}

/** May throw `InArchive`. */
export const systemLedger = (
  sql: Sql,
  page: { from: number; limit: number },
  bundles: Bundles = NO_BUNDLES,
): { entries: LedgerEntry[]; size: number; head: string } => {
  const { size, head } = headOf(sql);
  return { entries: entriesFrom(sql, page.from, page.limit, bundles), size, head };
};

/** Adds up; a name beyond the bound is counted as refused, never lost in silence. Throws on what no counter can add. */
export function count(sql: Sql, increments: Readonly<Record<string, number>>): Result<Record<string, number>, never> {
  return sql.transaction(() => {
    let known = sql.get<{ known: number }>("SELECT count(*) AS known FROM counter")?.known ?? 0;
    for (const [name, by] of Object.entries(increments)) {
      if (!Number.isFinite(by) || by < 0) throw new RangeError("a counter only adds finite amounts");
      if (sql.change("UPDATE counter SET value = value + ? WHERE name = ?", by, name) > 0) continue;
      const room = known < LIMITS.countersMax && name.length <= LIMITS.counterNameCharsMax;
      if (room) known++;
      add(sql, room ? name : COUNTERS_REFUSED, room ? by : 1);
    }
    return ok(counters(sql));
  });
}

/** Without a prototype, so that no metric name can mean anything but itself. */
export function counters(sql: Sql): Record<string, number> {
  const all: Record<string, number> = Object.create(null);
  for (const { name, value } of sql.all<{ name: string; value: number }>(
    "SELECT name, value FROM counter ORDER BY name",
  ))
    all[name] = value;
  return all;
}

export function registerTenant(sql: Sql, env: CoreEnv, tenant: string): Result<null, never> {
  sql.run("INSERT INTO tenant (id, registered_ms) VALUES (?, ?) ON CONFLICT (id) DO NOTHING", tenant, env.now);
  return ok(null);
}

export const tenants = (sql: Sql, page: { after: string | null; limit: number }): string[] =>
  sql
    .all<{ id: string }>(
      "SELECT id FROM tenant WHERE id > ? ORDER BY id LIMIT ?",
      page.after ?? "",
      Math.max(0, Math.min(page.limit, LIMITS.usageRowsMax)),
    )
    .map(({ id }) => id);

const add = (sql: Sql, name: string, by: number): void => {
  sql.run(
    "INSERT INTO counter (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
    name,
    by,
  );
};

const snapshotOf = (row: { digest: string; activated_ms: number; revision: number }): ActiveSnapshot => ({
  digest: row.digest,
  activated_ms: row.activated_ms as UnixMs, // safe because: shells give Unix milliseconds
  revision: row.revision,
});

function sweep(sql: Sql, env: CoreEnv): boolean {
  const origin = lastOrigin(sql);
  return origin !== null && closeWindows(sql, env, origin, SWEEP_MAX) === SWEEP_MAX;
}
