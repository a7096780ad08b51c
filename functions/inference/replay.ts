import type { JsonObject } from "../../shared/contracts/json.ts";
import type { Replay } from "../../shared/contracts/ports/tenant-store.ts";
import type { Call, Deps } from "../context.ts";
import { ProblemError } from "../problem.ts";
import type { Reply } from "../v1/operation.ts";
import { deliverKept } from "./deliver-kept.ts";
import type { View } from "./view.ts";

/** The stored outcome of a key, under the decision about the call that repeats it. */
export const replay = (deps: Deps, call: Call, { task, data_key }: Replay, view: View): Promise<Reply> =>
  deliverKept(deps, call, {
    task,
    dataKey: data_key,
    operation: { id: view.operation, action: view.action, surface: view.surface },
    request: call.body as JsonObject, // safe because: the operation's schema is an object
    gone: () => new ProblemError("idempotency-result-expired", { members: { task, task_url: `/v1/tasks/${task}` } }),
  });
