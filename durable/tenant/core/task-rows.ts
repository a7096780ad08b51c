import { KnownRows } from "../../runtime/known.ts";
import type { Sql } from "../../runtime/sql.ts";
import type { ClaimBytes } from "./idempotency.ts";
import { TASK } from "./task-state.ts";

/** What closing a task needs of its row. */
export type TaskRow = {
  seq: number;
  id: string;
  state: number;
  hold_nusd: number;
  holds: number;
  draws: string | null;
  action: string;
  model: string | null;
  workspace: string;
  project: string;
  environment: string;
  kid: string | null;
};
export const TASK_COLUMNS = `o.seq, o.id, o.state, o.hold_nusd, o.holds, o.draws, o.action, o.model, o.workspace,
  o.project, o.environment, o.kid`;

/** The rest of a new row. */
export interface Opening {
  admitted_ms: number;
  due_ms: number;
  operation: string;
  intent: string | null;
  claim: ClaimBytes | null;
}

/** Tasks that are open: nearly every one is settled by the object that opened it, soon after. */
const OPEN = new KnownRows<string, TaskRow>("task");

const INSERT = `INSERT INTO task (seq, id, state, admitted_ms, due_ms, hold_nusd, holds, draws, operation, action, intent,
    model, workspace, project, environment, kid, key_hash, fingerprint)
  VALUES (?, ?, ${TASK.open}, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

export function insertTask(sql: Sql, task: TaskRow, { admitted_ms, due_ms, operation, intent, claim }: Opening): void {
  const { seq, id, hold_nusd, holds, draws, action, model, workspace, project, environment, kid } = task;
  OPEN.through(
    sql,
    () =>
      sql.run(
        INSERT,
        ...[seq, id, admitted_ms, due_ms, hold_nusd, holds, draws, operation, action, intent, model],
        ...[workspace, project, environment, kid, claim?.key ?? null, claim?.fingerprint ?? null],
      ),
    id,
    task,
  );
}

export const readTask = (sql: Sql, id: string): TaskRow | undefined =>
  OPEN.get(sql, id) ?? sql.get<TaskRow>(`SELECT ${TASK_COLUMNS} FROM task o WHERE o.id = ?`, id);

/** How a task ended, as its row keeps it. */
export interface Finish {
  state: number;
  closed_seq: number;
  finished_ms: number;
  cost_nusd: number;
  result: string;
}

const FINISH = "UPDATE task SET state = ?, closed_seq = ?, finished_ms = ?, cost_nusd = ?, result = ? WHERE seq = ?";

export function finishTask(
  sql: Sql,
  task: TaskRow,
  { state, closed_seq, finished_ms, cost_nusd, result }: Finish,
): void {
  OPEN.through(sql, () => sql.run(FINISH, state, closed_seq, finished_ms, cost_nusd, result, task.seq), task.id, null);
}
