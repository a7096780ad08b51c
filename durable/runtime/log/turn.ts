import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { LogFault } from "../../../shared/contracts/log.ts";
import { TILE_WIDTH } from "../../../shared/crypto/log/tiles.ts";
import type { CoreEnv, Sql } from "../sql.ts";
import { nextLogDue } from "./due.ts";
import type { LogOwner } from "./owner.ts";
import type { LogBounds } from "./parts.ts";
import { type CheckpointRow, checkpointRow, faultOf, logRow } from "./state.ts";

/** One turn of the log: what is compared with the archive, and what is published then. */
export interface Turn {
  origin: string;
  now_ms: number;
  /** Entries written when the turn began. */
  size: number;
  published: CheckpointRow;
  /** Size of the checkpoint that this turn publishes; `published.size`: none. */
  target: number;
  halted: LogFault | null;
  /** The full bundle whose tiles are read back in this turn. */
  scrub: number;
}

/**
 * Begins a turn if one is due. What was sealed for a turn that was cut off is published as it was begun, so that the same
 * objects are written again and no others.
 */
export function beginTurn(sql: Sql, nowMs: number, size: number, origin: string, bounds: LogBounds): Turn | null {
  const due = nextLogDue(sql, size);
  if (due === null || due > nowMs) return null;
  const row = logRow(sql);
  if (row.origin === null) sql.run("UPDATE log SET origin = ?", origin);
  const published = checkpointRow(sql);
  return {
    origin: row.origin ?? origin,
    now_ms: nowMs,
    size,
    published,
    target: row.sealed > published.size ? row.sealed : targetOf(published.size, size, bounds),
    halted: faultOf(row),
    scrub: row.scrub,
  };
}

/** A backlog is published in pieces that end with full tiles. */
function targetOf(published: number, size: number, { turn_entries_max }: LogBounds): number {
  const most = published + turn_entries_max;
  return size <= most ? size : Math.max(most - (most % TILE_WIDTH), published + 1);
}

/** Everything was compared, and what was due is published. */
export function endTurn(sql: Sql, nowMs: number, scrub: number): void {
  sql.run("UPDATE log SET checked_ms = ?, scrub = ?, failures = 0, retry_ms = 0", nowMs, scrub);
}

/** The archive or the signer is away: no fault, the turn is tried again, each time twice as late, at least once a minute. */
export function turnFailed(sql: Sql, nowMs: number): void {
  const { failures } = logRow(sql);
  const waitMs = Math.min(LIMITS.outboxRetryMsMin * 2 ** Math.min(failures, 30), LIMITS.outboxRetryMsMax);
  sql.run("UPDATE log SET failures = failures + 1, retry_ms = ?", nowMs + waitMs);
}

const DETAIL_CHARS_MAX = 256;

/** From here on nothing is signed and nothing is admitted, until `resumeLog`. Each fault is ledgered once while it lasts. */
export function haltLog(sql: Sql, env: CoreEnv, owner: LogOwner, fault: LogFault, detail: string): void {
  const was = faultOf(logRow(sql));
  const text = detail.slice(0, DETAIL_CHARS_MAX);
  sql.run(
    `UPDATE log SET fault = ?, fault_detail = ?, fault_ms = CASE WHEN fault IS NULL THEN ? ELSE fault_ms END,
       checked_ms = ?, failures = 0, retry_ms = 0`,
    fault,
    text,
    env.now,
    env.now,
  );
  if (was !== fault) owner.append(sql, env, "ledger.halted", { detail: text, fault });
}

/** Archive and database agree again. */
export function resumeLog(sql: Sql, env: CoreEnv, owner: LogOwner): void {
  const { fault, fault_ms } = logRow(sql);
  if (fault === null) return;
  sql.run("UPDATE log SET fault = NULL, fault_detail = '', fault_ms = 0");
  owner.append(sql, env, "ledger.resumed", { fault, halted_ms: fault_ms });
}

/** A reader found this bundle missing or altered: the next turn is now, and looks at it first. */
export function suspectBundle(sql: Sql, bundle: number): void {
  sql.run("UPDATE log SET scrub = ?, checked_ms = 0", bundle);
}
