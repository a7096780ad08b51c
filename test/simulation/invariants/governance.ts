import { isProvisioned } from "../../../durable/runtime/migrate.ts";
import { NodeSql } from "../../../durable/runtime/node-sql.ts";
import { isJsonObject, type JsonObject } from "../../../shared/contracts/json.ts";
import type { Facts } from "../facts.ts";
import type { SimulatedCell } from "../parts/cell.ts";
import type { TenantName } from "../parts/config.ts";
import { denies } from "../parts/policies.ts";
import type { Complain } from "./judge.ts";
import type { Entry } from "./ledger.ts";

const IN_FORCE = ["policy.activated", "policy.rolled_back"];

/** Admission compares versions in one transaction: behind the entry of a denial nothing is opened until it is taken back. */
export function checkDenials(tenant: TenantName, entries: readonly Entry[], complain: Complain): void {
  let revision = 1;
  for (const { kind, detail, action, task } of entries) {
    if (IN_FORCE.includes(kind)) revision = revisionIn(detail);
    if (kind === "task.opened" && action === "inference:invoke" && denies(revision))
      complain("no decision under a withdrawn policy", `${tenant}: ${task} was opened under revision ${revision}`);
  }
}

/** A tenant that leaves opens no task until it stays, or has arrived. */
export function checkMoves(tenant: TenantName, entries: readonly Entry[], complain: Complain): void {
  let leaving = false;
  for (const { kind, task, seq } of entries) {
    if (kind === "tenant.leaving") leaving = true;
    if (kind === "tenant.staying" || kind === "tenant.arrived") leaving = false;
    if (leaving && kind === "task.opened") complain("what leaves admits nothing", `${tenant}: ${task}, entry ${seq}`);
  }
}

function revisionIn({ to }: JsonObject): number {
  const active = isJsonObject(to) ? to.active : undefined;
  if (!isJsonObject(active)) throw new TypeError("an activation names what is in force");
  return Number(active.revision);
}

/** What was approved is carried out once and has one end; what was not, never. */
export function checkApprovals(
  facts: Facts,
  tenant: TenantName,
  sql: NodeSql,
  entries: readonly Entry[],
  complain: Complain,
): void {
  const rows = sql.all<{ id: string; state: string }>("SELECT id, state FROM approval");
  for (const { id, state } of rows) {
    const about = entries.filter(({ kind, detail }) => kind.startsWith("approval.") && detail.approval === id);
    const executed = about.filter(({ kind }) => kind === "approval.executed").length;
    const wanted = state === "done" ? 1 : 0;
    if (executed !== wanted)
      complain("an approval has one end", `${tenant}: ${id} is ${state} and was carried out ${executed} times`);
    const approved = about.some(({ kind }) => kind === "approval.approved");
    if (executed > 0 && !approved) complain("nothing runs that nobody approved", `${tenant}: ${id}`);
  }
  const states = new Map(rows.map(({ id, state }) => [id, state]));
  for (const { id, tenant: of, acknowledged } of facts.approvals.values())
    if (of === tenant && acknowledged && states.get(id) === "pending")
      complain("no acknowledged record is lost", `${tenant}: the verdict about ${id}`);
}

/** Each task that somebody wanted to hear of has one recorded end of that, and it says what happened. */
export function checkCallbacks(
  cell: SimulatedCell,
  tenant: TenantName,
  entries: readonly Entry[],
  complain: Complain,
): void {
  const ends = Map.groupBy(
    entries.filter(({ kind }) => kind === "callback.ended"),
    ({ detail }) => String(detail.task),
  );
  const told = Map.groupBy(cell.receiver.told, ({ event }) => String(event.subject));
  for (const [task, recorded] of ends) {
    if (recorded.length > 1)
      complain("a callback's end is recorded once", `${tenant}: ${task} has ${recorded.length} ends`);
    const took = (told.get(task) ?? []).some(({ status }) => status < 300);
    if (recorded.some(({ detail }) => detail.outcome === "delivered") && !took)
      complain("what counts as delivered was taken", `${tenant}: ${task}`);
  }
  for (const [key, db] of cell.disk.databases) {
    const [, task] = key.split(`task/${tenant}:`);
    if (task === undefined) continue;
    const sql = new NodeSql(db);
    const row = isProvisioned(sql) ? sql.get<{ state: string }>("SELECT state FROM callback") : undefined;
    if (row !== undefined && !ends.has(task))
      complain("a callback's end is recorded once", `${tenant}: that of ${task}, ${row.state}, is not`);
  }
  for (const [task, messages] of told)
    if (new Set(messages.map(({ delivery }) => delivery)).size > 1)
      complain(
        "tries of one callback have one name",
        `${task}: ${messages.map(({ delivery }) => delivery).join(", ")}`,
      );
}
