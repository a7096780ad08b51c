import { isProvisioned } from "../../../durable/runtime/migrate.ts";
import { NodeSql } from "../../../durable/runtime/node-sql.ts";
import type { SimulatedCell } from "../parts/cell.ts";
import { TENANTS } from "../parts/config.ts";
import type { SimulatedDatabase } from "../parts/database.ts";

/** What was found of a database, as long as nothing was committed to it since. */
const known = new WeakMap<SimulatedDatabase, { commits: number; found: readonly string[] }>();

/** Why the cell is not at rest yet: what is still open, held, leased or on its way. Empty: it is. */
export function unrest(cell: SimulatedCell): string[] {
  const found: string[] = [];
  for (const key of cell.archive.objects.keys())
    if (key.startsWith("imports-called-off/")) found.push(`${cell.place.id}: ${key} is not over`);
  const elsewhere = notHere(cell);
  for (const [key, db] of cell.disk.databases) {
    if (elsewhere.has(key.slice(key.indexOf("/") + 1).split(":")[0] ?? "")) continue;
    // A transaction that is not synced yet will be, or not: it is no rest.
    if (db.isTransaction) {
      found.push(`${key}: a commit is under way`);
      continue;
    }
    const before = known.get(db);
    const now = before?.commits === db.commits ? before.found : left(key, db, cell.shape.publishes);
    known.set(db, { commits: db.commits, found: now });
    found.push(...now);
  }
  if (cell.queue.size > 0) found.push(`${cell.queue.size} messages are in the queue`);
  return found;
}

/** Tenants of which something lies here, and that do not live here: nobody goes on with it. */
export function notHere(cell: SimulatedCell): ReadonlySet<string> {
  if (!cell.shape.moves) return new Set();
  return new Set(
    TENANTS.filter((tenant) => {
      const db = cell.disk.databases.get(`tenant/${tenant}`);
      if (db === undefined) return true;
      if (db.isTransaction) return false;
      const sql = new NodeSql(db);
      return !isProvisioned(sql) || sql.get("SELECT 1 AS found FROM move WHERE phase = 'left'") !== undefined;
    }),
  );
}

function left(key: string, db: SimulatedDatabase, publishes: boolean): string[] {
  const found: string[] = [];
  const sql = new NodeSql(db);
  if (!isProvisioned(sql)) return found;
  const count = (text: string): number => sql.get<{ n: number }>(text)?.n ?? 0;
  const claim = (n: number, what: string) => {
    if (n > 0) found.push(`${key}: ${n} ${what}`);
  };
  if (key.startsWith("tenant/")) {
    claim(count("SELECT count(*) AS n FROM task WHERE state = 0"), "tasks are open");
    claim(count("SELECT coalesce(sum(held_nusd), 0) AS n FROM budget_span"), "nano-dollars are held");
    claim(
      count("SELECT count(*) AS n FROM tenant t JOIN ledger l ON l.seq >= t.feed_seq"),
      "entries are not delivered",
    );
    if (publishes)
      claim(
        count("SELECT max(0, (SELECT coalesce(max(seq) + 1, 0) FROM ledger) - size) AS n FROM log_checkpoint"),
        "entries are not published",
      );
    claim(
      count("SELECT count(*) AS n FROM approval WHERE state IN ('approved', 'running')"),
      "approvals have not been carried out",
    );
  }
  if (key.startsWith("task/")) {
    claim(count("SELECT count(*) AS n FROM detached WHERE phase <> 'done'"), "detached tasks have not ended");
    claim(count("SELECT count(*) AS n FROM callback WHERE state = 'waiting'"), "callbacks have not ended");
  }
  if (key.startsWith("batch/")) {
    claim(
      count("SELECT count(*) AS n FROM batch WHERE status IN ('validating','in_progress','finalizing','cancelling')"),
      "batches have not ended",
    );
    claim(count("SELECT count(*) AS n FROM line"), "lines are outside of their batch");
  }
  return found;
}
