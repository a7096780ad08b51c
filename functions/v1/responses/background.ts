import { ResponseId, TaskId } from "../../../shared/contracts/ids.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../../shared/contracts/json.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { DetachedState, LogHead } from "../../../shared/contracts/ports/task-log.ts";
import type { TaskRecord } from "../../../shared/contracts/task.ts";
import type { Call, Deps } from "../../context.ts";
import { openCall } from "../../detached/detached-call.ts";
import { ended } from "../../detached/ended.ts";
import { readLog, refuseCrowd } from "../../detached/read-log.ts";
import { responseObject } from "../../dialects/answers/response-object.ts";
import { SseFrame } from "../../dialects/sse-frame.ts";
import { responseIdOf, stores } from "../../inference/response-session.ts";
import { concat } from "../../inference/result-keeper.ts";
import { ProblemError } from "../../problem.ts";
import { value } from "../operation.ts";
import { unwrap } from "../refusals.ts";
import { erasedTask } from "../tasks/erased-task.ts";

/** A response that was made in the background, as its task knows it. */
export interface Background {
  id: string;
  task: TaskId;
  record: TaskRecord;
  state: DetachedState;
  dataKey: Uint8Array;
  /** What was asked; null once the task has ended. */
  asked: JsonObject | null;
}

/** The call as it goes on without its caller where its request says `background`: answered at once, or by its log. */
export function inBackground(call: Call): Call {
  const body = call.body as JsonObject; // safe because: the operation's schema is an object
  if (body.background !== true || call.run !== undefined) return call;
  const queued: NonNullable<Call["detach"]>["reply"] = (context) =>
    value(responseObject(context, { status: "queued", output: [], usage: null }), { "cache-control": "no-store" });
  return { ...call, detach: { callback_url: null, reply: body.stream === true ? null : queued } };
}

/**
 * The background response of this id that this caller's workspace asked for, as long as its log is kept; null when there
 * is none. An id whose first part does not belong to its task is none.
 */
export async function findBackground(deps: Deps, call: Call, id: string): Promise<Background | null> {
  if (!ResponseId.safeParse(id).success) return null;
  const parsed = TaskId.safeParse(`task_${id.split("_")[2]}`);
  if (!parsed.success) return null;
  const task = parsed.data;
  const tenant = call.tenant.id;
  const detached = await deps.tasks.detached(tenant, task);
  if (!detached.ok) return null;
  const found = await deps.tenants.task(tenant, call.access, task);
  if (!found.ok && found.error.reason === "not_found") return null;
  const record = unwrap(found);
  if (record.operation !== "responses.create" || record.workspace !== call.actor.scopes.workspace) return null;
  if (await erasedTask(deps, call, record, detached.value)) return null;
  const dataKey = await deps.keyring.openDataKey(tenant, call.tenant.data_key);
  const sealed = detached.value.phase === "done" ? null : await openCall(deps, dataKey, call.tenant, task);
  const asked = sealed === null ? null : (JSON.parse(sealed.body ?? "{}") as JsonObject); // safe because: the operation's schema is an object
  if (asked !== null && (asked.background !== true || responseIdOf(dataKey, task, asked) !== id)) return null;
  return { id, task, record, state: detached.value, dataKey, asked };
}

/** How the response stands, as OpenAI's object; null when what its task tells is no background response of this id. */
export async function backgroundObject(deps: Deps, call: Call, background: Background): Promise<JsonObject | null> {
  const { id, record, state, asked } = background;
  const context = {
    id,
    createdS: Math.floor(record.created_ms / 1000),
    model: record.model ?? "",
    request: asked ?? {},
    extra: { background: true, ...(asked === null ? {} : { store: stores(call, asked) }) },
  };
  if (record.status === null || state.phase !== "done") {
    const status = state.phase === "queued" ? "queued" : "in_progress";
    return responseObject(context, { status, output: [], usage: null });
  }
  const told = await toldBy(deps, call, background);
  if (told !== null && (told.id !== id || told.background !== true)) return null;
  if (record.status === "OK" && told !== null) return told;
  const answer = told ?? responseObject(context, { status: "failed", output: [], usage: null });
  const { code, message } = record.error ?? { code: "server_error", message: "The task failed" };
  if (record.status === "CANCELED") return { ...answer, status: "cancelled", error: null };
  return { ...answer, status: "failed", error: { code, message } };
}

/** The newest response object in the task's log; null where a problem was the answer, or only a part of one was written. */
async function toldBy(deps: Deps, call: Call, { task, dataKey }: Background): Promise<JsonObject | null> {
  const log = await readLog(deps, dataKey, call.tenant.id, task, 0);
  if (!log.ok) {
    refuseCrowd(log.error);
    return null;
  }
  const parts: Uint8Array[] = [];
  let head: LogHead | null = null;
  let newest: JsonObject | null = null;
  for await (const event of log.value) {
    if (event.kind === "head") ({ head } = event);
    if (event.kind === "end" && event.end === "failed" && head?.stream !== true) return null;
    if (event.kind !== "frame") continue;
    if (head?.stream !== true) parts.push(event.frame);
    else newest = objectIn(responseEvent(event.frame)?.response) ?? newest;
  }
  if (head?.stream === true) return newest;
  if (head === null || head.status !== 200) return null;
  const size = parts.reduce((sum, part) => sum + part.byteLength, 0);
  return objectIn(JSON.parse(new TextDecoder().decode(concat(parts, size))) as JsonValue); // safe because: JSON.parse gives JSON values
}

const objectIn = (value: JsonValue | undefined): JsonObject | null => (isJsonObject(value) ? value : null);

/** The event in a frame of a Responses stream; null when it is none. */
export function responseEvent(raw: Uint8Array): JsonObject | null {
  const frame = new SseFrame(raw);
  if (!frame.hasData()) return null;
  try {
    return objectIn(JSON.parse(frame.data()) as JsonValue); // safe because: JSON.parse gives JSON values
  } catch {
    return null;
  }
}

/** Ends the task if it has not ended, and waits for that; a finished one stays as it is. */
export async function endBackground(deps: Deps, call: Call, { task }: Background): Promise<void> {
  await deps.tasks.cancelTask(call.tenant.id, task);
  if (await ended(deps, call.tenant.id, task, LIMITS.cancelWaitMs)) return;
  throw new ProblemError("overloaded", { detail: "The task is being cancelled.", retryAfterMs: 1_000 });
}

/**
 * Ends and forgets a background response before its stored form is deleted. `unstored`: that was all that was kept of it;
 * null: there is no such background response.
 */
export async function forgetBackground(deps: Deps, call: Call, id: string): Promise<"stored" | "unstored" | null> {
  const background = await findBackground(deps, call, id);
  if (background === null) return null;
  await endBackground(deps, call, background);
  const whole = await findBackground(deps, call, id);
  if (whole !== null && (await backgroundObject(deps, call, whole)) === null) return null;
  const forgotten = await deps.tasks.forgetTask(call.tenant.id, background.task);
  if (!forgotten.ok && forgotten.error.reason === "running")
    throw new ProblemError("overloaded", { retryAfterMs: 1_000 });
  const stored = await deps.sessions.response(call.tenant.id, id.split("_")[1] ?? "", id);
  return stored.ok ? "stored" : "unstored";
}
