import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { systemClock } from "../../functions/adapters/clock/system.ts";
import { fileSystemObjectStore } from "../../functions/adapters/object-store/file-system.ts";
import { QUEUE_FILE } from "../../functions/entry/home.ts";
import { nodeBinary, ROOT } from "../../infra/local/command.mjs";

/** One question to every database of a class; what it counts must be zero once everything is quiet. */
interface Leak {
  of: "tenant" | "task" | "batch";
  what: string;
  sql: string;
}

const LEAKS: readonly Leak[] = [
  {
    of: "tenant",
    what: "tasks that were opened and have no end",
    sql: "SELECT COUNT(*) AS n FROM task WHERE state = 0",
  },
  {
    // A task that was closed by its alarm keeps them: one late settlement may still correct what was charged.
    of: "tenant",
    what: "holds of tasks that have ended",
    sql: "SELECT COUNT(*) AS n FROM hold LEFT JOIN task ON task.seq = hold.task WHERE task.state IS NOT 2",
  },
  { of: "tenant", what: "nano-dollars held", sql: "SELECT COALESCE(SUM(held_nusd), 0) AS n FROM budget_span" },
  {
    of: "task",
    what: "detached tasks without an end",
    sql: "SELECT COUNT(*) AS n FROM detached WHERE phase <> 'done'",
  },
  { of: "task", what: "leased runs of approved requests", sql: "SELECT COUNT(*) AS n FROM run WHERE state = 'leased'" },
  { of: "task", what: "callbacks that wait", sql: "SELECT COUNT(*) AS n FROM callback WHERE state = 'waiting'" },
  {
    of: "batch",
    what: "batches without an end",
    sql: "SELECT COUNT(*) AS n FROM batch WHERE status NOT IN ('completed', 'failed', 'expired', 'cancelled')",
  },
  { of: "batch", what: "lines that are outside", sql: "SELECT COUNT(*) AS n FROM line" },
  {
    // Whoever uploaded died: a timer removes what came, later than a soak ends.
    of: "batch",
    what: "files without their content that nothing removes",
    sql: "SELECT COUNT(*) AS n FROM file WHERE state = 'pending' AND id NOT IN (SELECT key FROM _timers WHERE kind = 'file')",
  },
];

export interface Audit {
  databases: number;
  /** Databases that SQLite finds damaged. */
  damaged: string[];
  leaks: Record<string, number>;
}

/** Looks into every database of a stopped cell. */
export async function auditHome(home: string): Promise<Audit> {
  const found: Audit = { databases: 0, damaged: [], leaks: {} };
  const count = (what: string, by: number) => {
    found.leaks[what] = (found.leaks[what] ?? 0) + by;
  };
  const open = (path: string, look: (db: DatabaseSync) => void) => {
    const db = new DatabaseSync(path);
    try {
      found.databases++;
      const { integrity_check: told } = db.prepare("PRAGMA integrity_check").get() ?? {};
      if (told !== "ok") found.damaged.push(`${path}: ${String(told).slice(0, 200)}`);
      look(db);
    } finally {
      db.close();
    }
  };
  const objects = join(home, "objects");
  for (const of of readdirSync(objects))
    for (const name of readdirSync(join(objects, of)).filter((each) => each.endsWith(".sqlite")))
      open(join(objects, of, name), (db) => {
        for (const leak of LEAKS) if (leak.of === of) count(leak.what, Number(db.prepare(leak.sql).get()?.n));
      });
  open(join(home, QUEUE_FILE), (db) => {
    for (const table of ["job", "dead"])
      count(
        table === "job" ? "messages in the queue" : "dead letters",
        Number(db.prepare(`SELECT COUNT(*) AS n FROM ${table}`).get()?.n),
      );
  });
  // What a store that failed kept the cell from removing, the next start removes.
  const root = realpathSync(join(home, "object-store"));
  await fileSystemObjectStore({ root, jurisdiction: "local", clock: systemClock });
  const partial = join(root, "~partial");
  count("objects that were never finished", existsSync(partial) ? readdirSync(partial).length : 0);
  return found;
}

/** The last line of `npx bailiwick verify`, and whether it is VERIFIED under the given keys. */
export function verified(file: string, keys: string): { ok: boolean; line: string } {
  const node = nodeBinary();
  if (node === null) throw new Error("the pinned Node is not installed");
  const run = () => {
    const words = ["verify", file, "--keys", keys];
    return execFileSync(node, [join(ROOT, "infra/cli/bailiwick.mjs"), ...words], { encoding: "utf8", stdio: "pipe" });
  };
  try {
    const line = run().trimEnd().split("\n").at(-1) ?? "";
    return { ok: line === "VERIFIED", line };
  } catch (cause) {
    const { stdout = "", stderr = "" } = cause as { stdout?: string; stderr?: string }; // safe because: what `execFileSync` throws
    return { ok: false, line: `${stdout}${stderr}`.trimEnd().split("\n").at(-1) ?? "" };
  }
}
