import type { TaskId } from "../../shared/contracts/ids.ts";
import type { JsonObject } from "../../shared/contracts/json.ts";
import type { Dialect } from "../../shared/contracts/ports/engine.ts";
import type { TaskRecord } from "../../shared/contracts/task.ts";
import { open } from "../../shared/crypto/open.ts";
import type { Call, Deps } from "../context.ts";
import type { ProblemError } from "../problem.ts";
import type { Reply } from "../v1/operation.ts";
import { keptUnderPresent } from "./obligations/kept-duty.ts";

/** An answer that was kept, and what is known about how it came about. */
export interface KeptAnswer {
  task: TaskId;
  /** The tenant's data key, wrapped. */
  dataKey: string;
  /** The operation that answered; `surface` is null where no model did. */
  operation: { id: string; action: string; surface: Dialect | null };
  /** What was asked; null where it is not kept any more. */
  request: JsonObject | null;
  /** The task's record where the caller has read it already. */
  record?: TaskRecord | null;
  gone(): ProblemError;
  headers?: Record<string, string>;
}

/**
 * The stored outcome of a task: no second run, no second charge, byte for byte unless the present decision demands that the
 * answer is redacted. Whatever else that decision demands is carried out and recorded with it, or the read is denied.
 */
export async function deliverKept(deps: Deps, call: Call, kept: KeptAnswer): Promise<Reply & { kind: "bytes" }> {
  const { tenant } = call.actor.scopes;
  const { task } = kept;
  const stored = await deps.tasks.result(tenant, task);
  if (!stored.ok) throw kept.gone();
  const { status, content_type, sealed } = stored.value;
  const dataKey = await deps.keyring.openDataKey(tenant, kept.dataKey);
  const opened = await open(dataKey, { tenant, object: task }, sealed);
  if (!opened.ok) throw new Error(`stored result of ${task} does not open: ${opened.error.reason}`);
  const body = await keptUnderPresent(deps, call, { ...kept, stored: stored.value, body: opened.value });
  return {
    kind: "bytes",
    status,
    contentType: content_type,
    body,
    headers: { "x-bailiwick-task": task, "idempotent-replayed": "true", "cache-control": "no-store", ...kept.headers },
  };
}
