import type { NodeSql } from "../../../durable/runtime/node-sql.ts";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { Facts } from "../facts.ts";
import type { SimulatedCell } from "../parts/cell.ts";
import type { TenantName } from "../parts/config.ts";
import type { Generation } from "../parts/engines.ts";
import type { Complain } from "./judge.ts";
import type { Entry } from "./ledger.ts";

const PRICE = { input: 1_000, output: 2_000 } as const;
const ENDS = ["task.closed", "task.abandoned"];

const cost = (detail: JsonObject, name = "cost_nusd"): number => Number(detail[name] ?? 0);

/** Each task has one beginning and one end; a correction follows an estimate, once. Answers what each was charged. */
export function checkTasks(entries: readonly Entry[], complain: Complain): Map<string, number> {
  const seen = new Map<string, string[]>();
  const charged = new Map<string, number>();
  for (const { task, kind, detail } of entries) {
    if (task === null || !kind.startsWith("task.")) continue;
    const kinds = seen.get(task) ?? [];
    seen.set(task, kinds);
    kinds.push(kind);
    if (ENDS.includes(kind)) charged.set(task, cost(detail));
    if (kind === "task.corrected") charged.set(task, cost(detail));
  }
  for (const [task, kinds] of seen) {
    const told = kinds.filter((kind) => kind === "task.opened" || kind === "task.corrected" || ENDS.includes(kind));
    const [opened, ended, corrected, ...more] = told;
    const right =
      opened === "task.opened" &&
      ended !== undefined &&
      ENDS.includes(ended) &&
      (corrected === undefined || (corrected === "task.corrected" && ended === "task.abandoned")) &&
      more.length === 0;
    if (!right) complain("every task is settled exactly once", `${task}: ${told.join(", ")}`);
  }
  return charged;
}

/** Ledger, sums of use, budgets and relational rows say the same. */
export function checkSums(
  cell: SimulatedCell,
  tenant: TenantName,
  sql: NodeSql,
  entries: readonly Entry[],
  charged: ReadonlyMap<string, number>,
  complain: Complain,
): void {
  const ledger = [...charged.values()].reduce((sum, nusd) => sum + nusd, 0);
  const one = (text: string): number => sql.get<{ n: number }>(text)?.n ?? 0;
  const billed = cell.models.rows(tenant, "usage_billing");
  const sums: Record<string, number> = {
    "usage sums": one("SELECT coalesce(sum(cost_nusd), 0) AS n FROM usage"),
    "budget spent": one("SELECT coalesce(sum(spent_nusd), 0) AS n FROM budget_span"),
    "billing rows": billed.reduce((sum, row) => sum + Number(row.cost_nusd), 0),
  };
  for (const [name, sum] of Object.entries(sums))
    if (sum !== ledger) complain("ledger, usage, budget and SQL agree", `${tenant}: ${name} ${sum}, ledger ${ledger}`);
  const audit = cell.models.rows(tenant, "audit_activity").length;
  const tasks = cell.models.rows(tenant, "tasks");
  const opened = entries.filter(({ kind }) => kind === "task.opened").length;
  if (tasks.length !== opened)
    complain("no event is lost", `${tenant}: ${tasks.length} task rows, ${opened} were opened`);
  if (tasks.some(({ status }) => status === null)) complain("no event is lost", `${tenant}: a task row has no end`);
  if (audit === 0) complain("no event is lost", `${tenant}: no activity arrived`);
}

/** Whoever got an answer is in the ledger, with what that answer cost: nothing that was acknowledged is lost. */
export function checkCharges(
  facts: Facts,
  tenant: TenantName,
  generations: readonly Generation[],
  charged: ReadonlyMap<string, number>,
  complain: Complain,
): void {
  const byId = new Map(generations.map((generation) => [generation.id, generation]));
  for (const prompt of facts.prompts.values()) {
    if (prompt.tenant !== tenant) continue;
    for (const { answer, said, complete } of prompt.answers) {
      const task = answer.headers["x-bailiwick-task"];
      if (!complete || said === null || said === "" || task === undefined) continue;
      const paid = charged.get(task);
      const generation = byId.get(said.slice(0, said.indexOf(".")));
      if (paid === undefined) complain("no acknowledged record is lost", `${prompt.id}: ${task} is not in the ledger`);
      else if (generation !== undefined && prompt.model !== "chain") {
        const due = generation.prompt_tokens * PRICE.input + generation.words.length * PRICE.output;
        if (paid !== due)
          complain("charges are what was used", `${prompt.id}: ${task} was charged ${paid}, used ${due}`);
      }
    }
  }
}
