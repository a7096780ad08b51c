import type { NanoUsd } from "../../../shared/contracts/ids.ts";
import { formatUsd } from "../../../shared/contracts/money.ts";
import type { TaskRecord } from "../../../shared/contracts/task.ts";
import { quantityOf } from "../../../shared/contracts/usage.ts";
import { rfc3339 } from "../time.ts";

/** The envelope that every lane and paradigm answers with. */
export function taskEnvelope(task: TaskRecord) {
  const [tokensIn, out, cached] = (["tokens_in", "tokens_out", "tokens_cached"] as const).map((meter) =>
    quantityOf(task.usage, meter),
  );
  const chosen = task.route?.reasons.find((reason) => reason.outcome === "chosen");
  return {
    schema_version: 1,
    object: "task",
    task_id: task.id,
    operation: task.operation,
    intent: task.intent,
    model: task.model,
    status: task.status,
    phase: task.phase,
    created_at: rfc3339(task.created_ms),
    finished_at: rfc3339(task.finished_ms),
    workspace: task.workspace,
    project: task.project,
    environment: task.environment,
    subject: task.subject,
    decision_id: task.decision,
    engine: {
      route: task.route?.route ?? null,
      lane: task.route?.lane ?? null,
      chosen_by: task.route?.chosen_by ?? null,
      reason: chosen?.reason ?? null,
      provider: task.route?.provider ?? null,
      model: task.route?.model ?? null,
      candidates: task.route?.reasons ?? [],
    },
    result: null,
    usage: {
      latency_ms: task.finished_ms === null ? null : task.finished_ms - task.created_ms,
      tokens: { in: tokensIn, out, cached, total: (tokensIn ?? 0) + (out ?? 0) + (cached ?? 0) },
      meters: Object.fromEntries(task.usage.map((row) => [row.meter, quantityOf(task.usage, row.meter)])),
      cost_usd: formatUsd(task.cost_nusd as NanoUsd), // safe because: the store keeps what settlement bounded
      cost_nusd: task.cost_nusd,
      estimated: task.estimated,
    },
    error: task.error,
  };
}
