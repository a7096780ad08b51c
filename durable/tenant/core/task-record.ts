import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { LedgerEntry } from "../../../shared/contracts/ledger.ts";
import type { Access, AccessRefusal } from "../../../shared/contracts/ports/tenant-store.ts";
import { PROBLEMS } from "../../../shared/contracts/problems.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import { RouteRecord, TaskRecord } from "../../../shared/contracts/task.ts";
import { type Bundles, NO_BUNDLES } from "../../runtime/log/bundles.ts";
import type { CoreEnv, Sql } from "../../runtime/sql.ts";
import { accessRefusal, readGate } from "./access.ts";
import { readEntry } from "./ledger.ts";

const TITLES = new Map<string, string>(Object.values(PROBLEMS).map(({ code, title }) => [code, title]));

/** Only codes are stored, because messages of engines may quote content; the words are the code's own. */
const errorOf = (code: unknown) =>
  typeof code === "string" ? { code, message: TITLES.get(code) ?? "The task failed" } : null;

/** The task as its entries tell it: a function of the two, so every reader and every redelivery sees the same. */
export function taskRecord(opened: LedgerEntry, last: LedgerEntry | null): TaskRecord {
  const first = opened.detail;
  const end: JsonObject = last?.detail ?? {};
  const route = RouteRecord.safeParse(end.route);
  return TaskRecord.parse({
    id: opened.task,
    operation: first.operation,
    intent: first.intent,
    model: first.model,
    status: last ? end.status : null,
    phase: last ? "done" : "running",
    created_ms: Date.parse(opened.at),
    finished_ms: last ? Date.parse(last.at) : null,
    workspace: opened.workspace,
    project: opened.project,
    environment: opened.environment,
    subject: opened.subject,
    route: route.success ? route.data : null,
    usage: last ? end.usage : [],
    cost_nusd: last ? end.cost_nusd : 0,
    estimated: last ? end.estimated : false,
    error: last ? errorOf(end.error) : null,
    decision: opened.decision,
  });
}

/** Rows live 30 days; the ledger keeps the record for ever. May throw `InArchive`. */
export function task(
  sql: Sql,
  env: CoreEnv,
  access: Access,
  id: string,
  bundles: Bundles = NO_BUNDLES,
): Result<TaskRecord, AccessRefusal | { reason: "not_found" }> {
  const refusal = accessRefusal(readGate(sql, access.kid), env.now, access);
  if (refusal) return err(refusal);
  const row = sql.get<{ seq: number; closed_seq: number | null }>("SELECT seq, closed_seq FROM task WHERE id = ?", id);
  if (!row) return err({ reason: "not_found" });
  const read = (seq: number) => readEntry(sql, seq, bundles);
  return ok(taskRecord(read(row.seq), row.closed_seq === null ? null : read(row.closed_seq)));
}
