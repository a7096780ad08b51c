import { z } from "zod";
import { TaskEvent } from "../../../shared/contracts/http/tasks.ts";
import { TaskId } from "../../../shared/contracts/ids.ts";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { Call, Deps } from "../../context.ts";
import { readLog, refuseCrowd } from "../../detached/read-log.ts";
import { sseReply } from "../../detached/sse-reply.ts";
import type { CallHeaders } from "../../pipeline/call-headers.ts";
import { ProblemError } from "../../problem.ts";
import { READ } from "../input.ts";
import { operation } from "../operation.ts";
import { taskEnvelope } from "./envelope.ts";
import { erasedTask } from "./erased-task.ts";
import { ownTask } from "./own-task.ts";
import { type taskEventItems, taskEvents } from "./task-events.ts";

const EventsQuery = z.strictObject({ starting_after: z.coerce.number().int().min(0).optional() });

/** A browser that reconnects names the last event that it has; what its URL says is older. */
function lastEvent(headers: CallHeaders, startingAfter: number | undefined): number {
  const last = headers.get("last-event-id");
  if (last === null || last === "") return startingAfter ?? 0;
  if (!/^\d{1,15}$/.test(last))
    throw new ProblemError("invalid-request", { param: "last-event-id", detail: "Last-Event-ID is an event's id." });
  return Number(last);
}

/** What a task's events are made of, for whoever may read them. `stop` ends the reading at once. */
export async function eventsOf(
  deps: Deps,
  call: Call,
  task: TaskId,
  after: number,
  stop: AbortSignal,
): Promise<Parameters<typeof taskEventItems>> {
  const record = await ownTask(deps, call, task);
  const detached = await deps.tasks.detached(call.tenant.id, task);
  if (!detached.ok || (await erasedTask(deps, call, record, detached.value)))
    throw new ProblemError("not-found", { param: "task_id", detail: "No events of this task are kept." });
  const dataKey = await deps.keyring.openDataKey(call.tenant.id, call.tenant.data_key);
  const log = await readLog(deps, dataKey, call.tenant.id, task, 0, stop);
  if (!log.ok) {
    refuseCrowd(log.error);
    throw new ProblemError("not-found", { param: "task_id", detail: "No events of this task are kept." });
  }
  const surface = deps.operation(record.operation)?.surface;
  const ending = async () => {
    const settled = await ownTask(deps, call, task);
    // safe because: an envelope is a JSON object
    return { ok: settled.status === "OK", envelope: taskEnvelope(settled) as unknown as JsonObject };
  };
  return [log.value, surface, after, ending];
}

export const taskEventStream = operation({
  ...READ,
  id: "tasks.events",
  path: "/v1/tasks/{task_id}/events",
  aliases: ["/v1/stream/{task_id}"],
  // It is content, as a stored answer is.
  action: "session:read",
  gate: "governed",
  credential: "compared",
  kind: "stream",
  params: z.strictObject({ task_id: TaskId }),
  query: EventsQuery,
  success: [200, TaskEvent, "Events behind `starting_after` or `Last-Event-ID`, to the end.", "text/event-stream"],
  problems: ["not-found", "overloaded"],
  summary: "Follow a task that goes on without its caller, or read it again",
  tag: "Tasks",
  resource: { kind: "task", param: "task_id" },
  async execute(deps, call) {
    const { task_id: task } = call.params;
    const after = lastEvent(call.headers, call.query.starting_after);
    const stop = new AbortController();
    const reply = sseReply(deps, taskEvents(...(await eventsOf(deps, call, task, after, stop.signal))));
    // A reader that leaves while nothing comes is watching no longer.
    void reply.over?.then(() => stop.abort());
    return reply;
  },
});
