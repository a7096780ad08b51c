import type { UnixMs } from "../../../shared/contracts/ids.ts";
import { LOG_FAULTS, type LogFault, type LogState, type PublishedCheckpoint } from "../../../shared/contracts/log.ts";
import { Known } from "../known.ts";
import type { Sql } from "../sql.ts";

/** The row `log`, without the frontier. */
export type LogRow = {
  origin: string | null;
  sealed: number;
  asked: number;
  pruned: number;
  legacy: number;
  scrub: number;
  checked_ms: number;
  failures: number;
  retry_ms: number;
  fault: string | null;
  fault_detail: string;
  fault_ms: number;
};

const LOG = new Known<LogRow>("log");
const READ_LOG = `SELECT origin, sealed, asked, pruned, legacy, scrub, checked_ms, failures, retry_ms, fault, fault_detail,
  fault_ms FROM log`;

/** Read once; read again after it was written. */
export function logRow(sql: Sql): LogRow {
  const known = LOG.get(sql);
  if (known) return known;
  const row = sql.get<LogRow>(READ_LOG);
  if (!row) throw new Error("the log's row is missing");
  LOG.set(sql, row);
  return row;
}

/** The newest published checkpoint as it was noted; `size` 0 while there is none. */
export type CheckpointRow = {
  size: number;
  root: string;
  note: string;
  dsse: string;
  published_ms: number;
  /** Of its object in the archive, where that has versions. */
  version: string | null;
};

const CHECKPOINT = new Known<CheckpointRow>("log_checkpoint");

export function checkpointRow(sql: Sql): CheckpointRow {
  const known = CHECKPOINT.get(sql);
  if (known) return known;
  const row = sql.get<CheckpointRow>("SELECT size, root, note, dsse, published_ms, version FROM log_checkpoint");
  if (!row) throw new Error("the checkpoint's row is missing");
  CHECKPOINT.set(sql, row);
  return row;
}

/** The archive has this checkpoint, and everything it covers. */
export function notePublished(sql: Sql, { size, root, note, dsse, published_ms, version }: CheckpointRow): void {
  if (size < checkpointRow(sql).size) throw new Error("a checkpoint does not shrink");
  sql.run(
    "UPDATE log_checkpoint SET size = ?, root = ?, note = ?, dsse = ?, published_ms = ?, version = ?",
    size,
    root,
    note,
    dsse,
    published_ms,
    version,
  );
}

export function publishedCheckpoint(sql: Sql): PublishedCheckpoint | null {
  const { size, root, note, dsse, published_ms } = checkpointRow(sql);
  // safe because: written from the shell's clock
  return size === 0 ? null : { size, root, note, dsse, published_ms: published_ms as UnixMs };
}

const isFault = (text: string): text is LogFault => LOG_FAULTS.some((fault) => fault === text);

/** Why the log is halted; a fault that this code does not know is an error, never health. */
export function faultOf({ fault }: Pick<LogRow, "fault">): LogFault | null {
  if (fault === null) return null;
  if (!isFault(fault)) throw new Error("the log's fault is unreadable");
  return fault;
}

/** The log as it stands; `origin` is that of a log which was never checked. */
export function logState(sql: Sql, size: number, origin: string): LogState {
  const row = logRow(sql);
  const fault = faultOf(row);
  return {
    origin: row.origin ?? origin,
    size,
    published: publishedCheckpoint(sql),
    // safe because: written from the shell's clock
    halted: fault === null ? null : { fault, detail: row.fault_detail, since_ms: row.fault_ms as UnixMs },
    pruned: row.pruned,
  };
}

/** Somebody waits until everything below `size` is published. */
export function askPublication(sql: Sql, size: number): void {
  if (logRow(sql).asked < size) sql.run("UPDATE log SET asked = ?", size);
}
