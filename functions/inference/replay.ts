import type { Replay } from "../../shared/contracts/ports/tenant-store.ts";
import { open } from "../../shared/crypto/open.ts";
import type { Call, Deps } from "../context.ts";
import { ProblemError } from "../problem.ts";
import type { Reply } from "../v1/operation.ts";
import { disclaim } from "./obligations/disclaimer.ts";
import { allDuties } from "./obligations/duties.ts";
import { refuseFor } from "./obligations/refuse.ts";
import { replayedUnder } from "./obligations/replayed.ts";
import type { View } from "./view.ts";

/**
 * The stored outcome of a key: no second run, no second charge, byte for byte unless the present decision demands that
 * the answer is redacted. What it demands of the answer and cannot have is a denial.
 */
export async function replay(deps: Deps, call: Call, { task, data_key }: Replay, view: View): Promise<Reply> {
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
  const duties = allDuties(call.decided.decision);
  const delivered = replayedUnder(view.surface, duties, stored.value, opened.value);
  if (!delivered.ok) throw await refuseFor(deps, call, delivered.error.id, delivered.error.cause);
  disclaim(duties, call.reply);
  return {
    kind: "bytes",
    status: stored.value.status,
    contentType: stored.value.content_type,
    body: delivered.value,
    headers: { "x-bailiwick-task": task, "idempotent-replayed": "true", "cache-control": "no-store" },
  };
}
