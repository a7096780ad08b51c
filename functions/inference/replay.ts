import type { Replay } from "../../shared/contracts/ports/tenant-store.ts";
import { open } from "../../shared/crypto/open.ts";
import type { Call, Deps } from "../context.ts";
import { ProblemError } from "../problem.ts";
import type { Reply } from "../v1/operation.ts";

/** The stored outcome of a key, byte for byte: no second run, no second charge. */
export async function replay(deps: Deps, call: Call, { task, data_key }: Replay): Promise<Reply> {
  const { tenant } = call.actor.scopes;
  const expired = () =>
    new ProblemError("idempotency-result-expired", { members: { task, task_url: `/v1/tasks/${task}` } });
  const stored = await deps.tasks.result(tenant, task);
  if (!stored.ok) throw expired();
  const opened = await open(
    await deps.keyring.openDataKey(tenant, data_key),
    { tenant, object: task },
    stored.value.sealed,
  );
  if (!opened.ok) throw new Error(`stored result of ${task} does not open: ${opened.error.reason}`);
  return {
    kind: "bytes",
    status: stored.value.status,
    contentType: stored.value.content_type,
    body: opened.value,
    headers: { "x-bailiwick-task": task, "idempotent-replayed": "true", "cache-control": "no-store" },
  };
}
