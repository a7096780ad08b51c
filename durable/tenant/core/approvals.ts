import { z } from "zod";
import { Role } from "../../../shared/contracts/actor.ts";
import type { ApprovalRecord, ApprovalState } from "../../../shared/contracts/approval.ts";
import { APPROVAL_STATES, AskedOfRun } from "../../../shared/contracts/approval.ts";
import type { ApprovalId, TaskId, UnixMs } from "../../../shared/contracts/ids.ts";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { Attribution, LedgerKind } from "../../../shared/contracts/ledger.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { GivenVerdict, NewApproval, RunStep } from "../../../shared/contracts/ports/approval-store.ts";
import type { Access, AccessRefusal, Change, ChangeRefusal } from "../../../shared/contracts/ports/tenant-store.ts";
import { err, ok, type Result, unreachable } from "../../../shared/contracts/result.ts";
import type { CoreEnv, Sql } from "../../runtime/sql.ts";
import { accessRefusal, readGate } from "./access.ts";
import { afterVerdict, stateAt, type VerdictError } from "./approval-state.ts";
import { changing } from "./changing.ts";
import { type LedgerWriter, ledgerWriter, readEntry } from "./ledger.ts";

/** `seq` is the ledger entry that asked; `body` holds what never changes and the verdicts; the columns are what is looked up by. */
export const APPROVAL_SCHEMA: readonly string[] = [
  `CREATE TABLE approval (
    id TEXT PRIMARY KEY, seq INTEGER NOT NULL, task TEXT NOT NULL UNIQUE, state TEXT NOT NULL, subject TEXT NOT NULL, digest TEXT NOT NULL,
    key_hash TEXT, created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, body TEXT NOT NULL
  ) WITHOUT ROWID`,
  "CREATE INDEX approval_by_digest ON approval (subject, digest)",
  "CREATE INDEX approval_by_expiry ON approval (expires_ms) WHERE state = 'pending'",
];

const unixMs = (ms: number) => ms as UnixMs; // safe because: the host's clock gives it

const Layer = z.enum(["cell", "tenant"]);
/** Stored data is parsed on every read. */
const Body = z.object({
  subject: z.object({ kind: z.literal("operation"), digest: z.string() }),
  operation: z.string(),
  action: z.string(),
  resource: z.object({ kind: z.string(), id: z.string().nullable() }),
  requester: z.object({
    subject: z.string(),
    credential: z.string(),
    workspace: z.string(),
    project: z.string(),
    environment: z.string(),
    acting_for: z.array(z.string()).optional(),
    made_by: z.array(z.string()).optional(),
  }),
  reasons: z.array(z.string()),
  demands: z.array(z.object({ layer: Layer, approvers: z.number(), role: Role, edit: z.boolean() })),
  verdicts: z.array(
    z.object({
      layer: Layer,
      subject: z.string(),
      credential: z.string(),
      roles: z.array(Role),
      verdict: z.enum(["approve", "reject"]),
      comment: z.string().nullable(),
      at_ms: z.number(),
      made_by: z.array(z.string()).optional(),
    }),
  ),
  decided_ms: z.number().nullable(),
  finished_ms: z.number().nullable(),
  asked: AskedOfRun.optional(),
  outcome: z.object({ status: z.number(), code: z.string().nullable() }).nullable(),
});
type Row = {
  id: string;
  task: string;
  state: string;
  key_hash: string | null;
  created_ms: number;
  expires_ms: number;
  body: string;
};
const COLUMNS = "id, task, state, key_hash, created_ms, expires_ms, body";

function recordOf({ body, state, ...row }: Row, nowMs: number): ApprovalRecord {
  const stored = z.enum(APPROVAL_STATES).parse(state);
  const record = { ...Body.parse(JSON.parse(body)), ...row, state: stored } as ApprovalRecord; // safe because: `save` wrote it from one, and its members were parsed
  return { ...record, state: stateAt(record, nowMs) };
}

const bodyOf = ({
  id: _,
  task: __,
  state: ___,
  key_hash: ____,
  created_ms: _____,
  expires_ms: ______,
  ...body
}: ApprovalRecord) => JSON.stringify(body);

function insert(sql: Sql, seq: number, record: ApprovalRecord): void {
  const { id, task, state, key_hash, created_ms, expires_ms } = record;
  sql.run(
    `INSERT INTO approval (id, seq, task, state, subject, digest, key_hash, created_ms, expires_ms, body)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    id,
    seq,
    task,
    state,
    record.requester.subject,
    record.subject.digest,
    key_hash,
    created_ms,
    expires_ms,
    bodyOf(record),
  );
}

const save = (sql: Sql, record: ApprovalRecord): void =>
  sql.run(
    "UPDATE approval SET state = ?, digest = ?, body = ? WHERE id = ?",
    record.state,
    record.subject.digest,
    bodyOf(record),
    record.id,
  );

function note(
  ledger: LedgerWriter,
  kind: LedgerKind,
  record: ApprovalRecord,
  by: Attribution,
  detail: JsonObject,
  outcome: "success" | "failure" | "pending" = "success",
): void {
  const about = { approval: record.id, digest: record.subject.digest, operation: record.operation };
  ledger.append({ kind, outcome, action: record.action, task: record.task, by, detail: { ...about, ...detail } });
}

/** Asks, in one transaction with its entry; what is pending over the same digest, or was asked by this task, is answered instead. */
export function requestApproval(
  sql: Sql,
  env: CoreEnv,
  change: Change,
  wanted: NewApproval,
): Result<ApprovalRecord, ChangeRefusal | { reason: "limit" }> {
  return changing(sql, env, change, wanted.action, (ledger) => {
    const same = sameRequest(sql, env.now, wanted.requester.subject, wanted.subject.digest);
    // Of one task it is one request, decided again or not heard of: whatever became of it meanwhile.
    const known = same.find(({ state, task }) => state === "pending" || task === wanted.task);
    if (known) return ok(known);
    const waiting = sql.get<{ n: number }>(
      "SELECT count(*) AS n FROM approval WHERE state = 'pending' AND expires_ms > ?",
      env.now,
    );
    if ((waiting?.n ?? 0) >= LIMITS.approvalsPendingMax) return err({ reason: "limit" });
    const record: ApprovalRecord = {
      ...wanted,
      state: "pending",
      verdicts: [],
      created_ms: unixMs(env.now),
      decided_ms: null,
      finished_ms: null,
      outcome: null,
    };
    insert(sql, ledger.next, record);
    const demands = wanted.demands.map((demand) => ({ ...demand }));
    const detail = { reasons: wanted.reasons, demands, expires_ms: wanted.expires_ms };
    note(ledger, "approval.requested", record, change.by, detail, "pending");
    return ok(record);
  });
}

const sameRequest = (sql: Sql, nowMs: number, subject: string, digest: string): ApprovalRecord[] =>
  sql
    .all<Row>(
      `SELECT ${COLUMNS} FROM approval WHERE subject = ? AND digest = ? ORDER BY created_ms DESC, id DESC LIMIT 16`,
      subject,
      digest,
    )
    .map((row) => recordOf(row, nowMs));

/** See `ApprovalStore.findApproval`. */
export function findApproval(
  sql: Sql,
  env: CoreEnv,
  access: Access,
  { digest, subject, key_hash }: { digest: string; subject: string; key_hash: string | null },
): Result<ApprovalRecord | null, AccessRefusal> {
  const refusal = accessRefusal(readGate(sql, access.kid), env.now, access);
  if (refusal) return err(refusal);
  const found = sameRequest(sql, env.now, subject, digest).find(
    ({ state, key_hash: asked }) =>
      state === "pending" ||
      ((state === "approved" || state === "running" || state === "done") && asked !== null && asked === key_hash),
  );
  return ok(found ?? null);
}

/** One verdict and its entry, in one transaction. */
export function decideApproval(
  sql: Sql,
  env: CoreEnv,
  change: Change,
  id: ApprovalId,
  given: GivenVerdict & { digest: string; edited: string | null },
): Result<ApprovalRecord, ChangeRefusal | VerdictError | { reason: "not_found" }> {
  return changing(
    sql,
    env,
    change,
    "approval:decide",
    (ledger): Result<ApprovalRecord, VerdictError | { reason: "not_found" }> => {
      const record = readApproval(sql, env.now, id);
      if (!record) return err({ reason: "not_found" });
      const after = afterVerdict(record, unixMs(env.now), given);
      if (!after.ok) return after;
      const decided = { ...record, ...after.value };
      save(sql, decided);
      const kind = given.verdict === "reject" ? "approval.rejected" : "approval.approved";
      const detail: JsonObject = { state: decided.state, layers: [...given.layers], comment: given.comment !== null };
      if (given.edited !== null) detail.seen_digest = record.subject.digest;
      note(ledger, given.edited === null ? kind : "approval.edited", decided, change.by, detail);
      return ok(decided);
    },
  );
}

const readApproval = (sql: Sql, nowMs: number, id: string): ApprovalRecord | null => {
  const row = sql.get<Row>(`SELECT ${COLUMNS} FROM approval WHERE id = ?`, id);
  return row ? recordOf(row, nowMs) : null;
};

export function approval(
  sql: Sql,
  env: CoreEnv,
  access: Access,
  id: ApprovalId,
): Result<ApprovalRecord, AccessRefusal | { reason: "not_found" }> {
  const refusal = accessRefusal(readGate(sql, access.kid), env.now, access);
  if (refusal) return err(refusal);
  const record = readApproval(sql, env.now, id);
  return record ? ok(record) : err({ reason: "not_found" });
}

export function approvalByTask(
  sql: Sql,
  env: CoreEnv,
  access: Access,
  task: TaskId,
): Result<ApprovalRecord, AccessRefusal | { reason: "not_found" }> {
  const refusal = accessRefusal(readGate(sql, access.kid), env.now, access);
  if (refusal) return err(refusal);
  const record = approvalOfTask(sql, env.now, task);
  return record ? ok(record) : err({ reason: "not_found" });
}

/** The approval that a task waits for, or waited. */
export function approvalOfTask(sql: Sql, nowMs: number, task: string): ApprovalRecord | null {
  const row = sql.get<Row>(`SELECT ${COLUMNS} FROM approval WHERE task = ?`, task);
  return row ? recordOf(row, nowMs) : null;
}

/** Newest first: ids are in order of time. */
export function listApprovals(
  sql: Sql,
  env: CoreEnv,
  access: Access,
  page: { state: ApprovalState | null; subject: string | null; before: string | null; limit: number },
): Result<{ approvals: ApprovalRecord[]; next: string | null }, AccessRefusal> {
  const refusal = accessRefusal(readGate(sql, access.kid), env.now, access);
  if (refusal) return err(refusal);
  const limit = Math.min(Math.max(1, page.limit), LIMITS.pageItemsMax);
  const rows = sql.all<Row>(
    `SELECT ${COLUMNS} FROM approval
     WHERE (?1 IS NULL OR id < ?1) AND (?2 IS NULL OR subject = ?2)
       AND (?3 IS NULL OR CASE WHEN state = 'pending' AND expires_ms <= ?4 THEN 'expired' ELSE state END = ?3)
     ORDER BY id DESC LIMIT ?5`,
    page.before,
    page.subject,
    page.state,
    env.now,
    limit + 1,
  );
  const approvals = rows.slice(0, limit).map((row) => recordOf(row, env.now));
  return ok({ approvals, next: rows.length > limit ? (approvals.at(-1)?.id ?? null) : null });
}

/** See `ApprovalStore.runApproval`. */
export function runApproval(
  sql: Sql,
  env: CoreEnv,
  task: TaskId,
  step: RunStep,
  by: Attribution,
): Result<ApprovalRecord, { reason: "not_found" } | { reason: "not_approved" }> {
  return sql.transaction((): Result<ApprovalRecord, { reason: "not_found" } | { reason: "not_approved" }> => {
    const record = approvalOfTask(sql, env.now, task);
    if (!record) return err({ reason: "not_found" });
    // Begun once: a runner whose lease ran out finds that another one did, or that it is over.
    if (step.to === "running" && record.state !== "approved") return err({ reason: "not_approved" });
    // Taken back only by who began it: any other runner finds `running`, and ends it for good.
    if (step.to === "approved" && record.state !== "running") return err({ reason: "not_approved" });
    if (record.state === "done") return ok(record);
    if (record.state !== "approved" && record.state !== "running") return err({ reason: "not_approved" });
    const after = afterStep(record, unixMs(env.now), step);
    save(sql, after);
    if (step.to === "done")
      note(
        ledgerWriter(sql, env.now),
        "approval.executed",
        after,
        by,
        { ...step.outcome },
        step.outcome.code === null ? "success" : "failure",
      );
    return ok(after);
  });
}

function afterStep(record: ApprovalRecord, nowMs: UnixMs, step: RunStep): ApprovalRecord {
  switch (step.to) {
    case "running":
      return { ...record, state: "running", ...(step.asked ? { asked: step.asked } : {}) };
    case "approved":
      return { ...record, state: "approved" };
    case "done":
      return { ...record, state: "done", finished_ms: nowMs, outcome: step.outcome };
    default:
      return unreachable(step);
  }
}

/** Closes what waited beyond its life, each with its entry; bounded. Answers how many. */
export function expireApprovals(sql: Sql, nowMs: number, max: number): number {
  const rows = sql.all<Row & { seq: number }>(
    `SELECT seq, ${COLUMNS} FROM approval WHERE state = 'pending' AND expires_ms <= ? ORDER BY expires_ms LIMIT ?`,
    nowMs,
    max,
  );
  if (rows.length === 0) return 0;
  sql.transaction(() => {
    const ledger = ledgerWriter(sql, nowMs);
    for (const { seq, ...row } of rows) {
      const record = recordOf(row, nowMs);
      save(sql, record);
      note(ledger, "approval.expired", record, readEntry(sql, seq), {}, "failure");
    }
    return ok(null);
  });
  return rows.length;
}
