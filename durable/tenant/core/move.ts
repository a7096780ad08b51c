import type { Attribution } from "../../../shared/contracts/ledger.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import type { FrozenTenant, TenantMove } from "../../../shared/contracts/tenant-move.ts";
import { publicationWaitMs } from "../../runtime/log/due.ts";
import { askPublication, checkpointRow, logRow } from "../../runtime/log/state.ts";
import type { CoreEnv, Sql } from "../../runtime/sql.ts";
import { forgetParts } from "./export-parts.ts";
import { hasUnlisted } from "./kept-sessions.ts";
import { headOf, ledgerWriter } from "./ledger.ts";
import { endMove, type MoveRow, moveOf, writeMove } from "./move-state.ts";
import { TASK } from "./task-state.ts";

/*
 *   live ─ leave ─▶ leaving ─ freeze ─▶ frozen ─ release ─▶ left            (old home)
 *     ▲                │                  │
 *     └──── stay ──────┴──────────────────┘
 *   (none) ─ arrive ─▶ arriving ─ complete ─▶ arrived ─ settleIn ─▶ live    (new home)
 *
 * `release` is the point of no return: the receipt that `settleIn` demands is signed only about a tenant that left.
 */

/** Caches of edges hold nothing that they decided on before. */
const bump = (sql: Sql): void => sql.run("UPDATE tenant SET state_version = state_version + 1");

export type LeaveRefusal =
  | { reason: "moving"; move: TenantMove }
  | { reason: "ledger_halted"; retry_after_ms: number }
  | { reason: "unlisted" };

/**
 * From here on nothing is admitted and nothing changed; what runs is settled. The same target again is the same move.
 * `listed`: the host finds the tenant's objects by what this one lists, so that all of them must be.
 */
export function leave(
  sql: Sql,
  env: CoreEnv,
  { id, from, to, listed }: Pick<TenantMove, "id" | "from" | "to"> & { listed: boolean },
  by: Attribution,
): Result<TenantMove, LeaveRefusal> {
  return sql.transaction((): Result<TenantMove, LeaveRefusal> => {
    const known = moveOf(sql);
    if (known !== null)
      return known.to === to && (known.phase === "leaving" || known.phase === "frozen")
        ? ok(known)
        : err({ reason: "moving", move: known });
    if (listed && hasUnlisted(sql)) return err({ reason: "unlisted" });
    if (logRow(sql).fault !== null) return err({ reason: "ledger_halted", retry_after_ms: LIMITS.logRecheckMs });
    ledgerWriter(sql, env.now).append({
      kind: "tenant.leaving",
      outcome: "success",
      action: "tenant:suspend",
      task: null,
      by,
      detail: { move: id, from, to },
    });
    const move: MoveRow = { id, phase: "leaving", from, to, begun_ms: env.now, manifest: null, applied: 0 };
    writeMove(sql, move);
    forgetParts(sql);
    bump(sql);
    askPublication(sql, headOf(sql).size);
    return ok(move);
  });
}

type NotStill = { reason: "not_leaving" } | { reason: "busy"; tasks: number; retry_after_ms: number };
export type FreezeRefusal = NotStill | { reason: "unpublished"; retry_after_ms: number };

/** From here on the rows do not change. Nothing may be running, and the whole ledger published. */
export function freeze(sql: Sql, env: CoreEnv): Result<FrozenTenant, FreezeRefusal> {
  const frozen = sql.transaction(() => freezePublished(sql));
  if (frozen.ok) return frozen;
  if (frozen.error.reason !== "unpublished") return err(frozen.error);
  // A step of its own: whatever a refusal's transaction wrote is undone.
  const { size } = headOf(sql);
  askPublication(sql, size);
  return err({ reason: "unpublished", retry_after_ms: publicationWaitMs(sql, env.now, size) });
}

function freezePublished(sql: Sql): Result<FrozenTenant, NotStill | { reason: "unpublished" }> {
  const move = moveOf(sql);
  if (move === null || (move.phase !== "leaving" && move.phase !== "frozen")) return err({ reason: "not_leaving" });
  const open = sql.get<{ n: number }>(`SELECT count(*) AS n FROM task WHERE state = ${TASK.open}`)?.n ?? 0;
  // An approved run has its end only once that is recorded, which is behind its task's.
  const runs = sql.get<{ n: number }>("SELECT count(*) AS n FROM approval WHERE state = 'running'")?.n ?? 0;
  const tasks = open + runs;
  if (tasks > 0) return err({ reason: "busy", tasks, retry_after_ms: LIMITS.movedRetryMs });
  const { size } = headOf(sql);
  const checkpoint = checkpointRow(sql);
  const { origin, fault } = logRow(sql);
  if (checkpoint.size !== size || origin === null || fault !== null) return err({ reason: "unpublished" });
  if (move.phase === "leaving") writeMove(sql, { ...move, phase: "frozen" });
  const row = sql.get<{ data_key: string }>("SELECT data_key FROM tenant");
  if (!row) throw new Error("the tenant's row is missing");
  return ok({ move: { ...move, phase: "frozen" }, origin, size, root: checkpoint.root, data_key: row.data_key });
}

/** The archive that is whole: only about the newest one may the tenant be given up. */
export function noteArchive(sql: Sql, id: string, manifest: string): Result<null, { reason: "not_leaving" }> {
  return sql.transaction(() => {
    const move = moveOf(sql);
    if (move?.phase !== "frozen" || move.id !== id) return err({ reason: "not_leaving" } as const);
    writeMove(sql, { ...move, manifest });
    return ok(null);
  });
}

export type StayRefusal = { reason: "not_leaving" } | { reason: "left" };

/** The move is off, and the tenant live again where it was. */
export function stay(sql: Sql, env: CoreEnv, by: Attribution): Result<null, StayRefusal> {
  return sql.transaction((): Result<null, StayRefusal> => {
    const move = moveOf(sql);
    if (move?.phase === "left") return err({ reason: "left" });
    if (move === null || (move.phase !== "leaving" && move.phase !== "frozen")) return err({ reason: "not_leaving" });
    endMove(sql);
    forgetParts(sql);
    bump(sql);
    ledgerWriter(sql, env.now).append({
      kind: "tenant.staying",
      outcome: "success",
      action: "tenant:suspend",
      task: null,
      by,
      detail: { move: move.id, from: move.from, to: move.to },
    });
    return ok(null);
  });
}

export type ReleaseRefusal = { reason: "not_leaving" } | { reason: "other_archive" };

/**
 * Gives the tenant up for ever, and its data key with it: what lies here sealed can be opened by nobody any more. The same
 * archive again answers the same.
 */
export function release(
  sql: Sql,
  manifest: string,
): Result<TenantMove & { size: number; root: string }, ReleaseRefusal> {
  return sql.transaction((): Result<TenantMove & { size: number; root: string }, ReleaseRefusal> => {
    const move = moveOf(sql);
    if (move === null || (move.phase !== "frozen" && move.phase !== "left")) return err({ reason: "not_leaving" });
    if (move.manifest !== manifest) return err({ reason: "other_archive" });
    if (move.phase === "frozen") {
      writeMove(sql, { ...move, phase: "left" });
      sql.run("UPDATE tenant SET data_key = ''");
      bump(sql);
      sql.erased();
    }
    const { size, root } = checkpointRow(sql);
    return ok({ ...move, phase: "left", size, root });
  });
}
