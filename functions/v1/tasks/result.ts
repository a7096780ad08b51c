import { TaskId } from "../../../shared/contracts/ids.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../../shared/contracts/json.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { TaskRecord } from "../../../shared/contracts/task.ts";
import type { Call, Deps } from "../../context.ts";
import { ended } from "../../detached/ended.ts";
import { readLog, refuseCrowd } from "../../detached/read-log.ts";
import { responseEvent } from "../responses/background.ts";
import { erasedTask } from "./erased-task.ts";
import { jsonOf } from "./task-events.ts";

/**
 * What a task made, for whoever asked for it, from its log: the answer object, of a stream its texts by choice. Null for
 * everybody else, before it has ended well, and once its log is gone. A decision that obliges the read to anything that is
 * done to content has none.
 */
export async function taskResult(deps: Deps, call: Call, record: TaskRecord): Promise<JsonObject | null> {
  const { actor, tenant, decided } = call;
  if (record.status !== "OK" || record.workspace !== actor.scopes.workspace || record.subject !== actor.subject)
    return null;
  if (call.run === undefined && decided.decision.obligations.some(({ id }) => id === "redact_output")) return null;
  const task = TaskId.parse(record.id);
  // Settled is not closed: between the two the answer is all there, and its log says so in a moment.
  await ended(deps, tenant.id, task, LIMITS.cancelWaitMs);
  const detached = await deps.tasks.detached(tenant.id, task);
  if (!detached.ok || detached.value.end !== "complete" || (await erasedTask(deps, call, record, detached.value)))
    return null;
  const dataKey = await deps.keyring.openDataKey(tenant.id, tenant.data_key);
  const log = await readLog(deps, dataKey, tenant.id, task, 0);
  if (!log.ok) {
    refuseCrowd(log.error);
    return null;
  }
  const stream = detached.value.head?.stream === true;
  const parts: Uint8Array[] = [];
  for await (const event of log.value) if (event.kind === "frame") parts.push(event.frame);
  return stream ? texts(parts) : jsonOf(parts);
}

function texts(frames: readonly Uint8Array[]): JsonObject {
  const choices: { index: number; text: string; finish_reason: JsonValue }[] = [];
  for (const frame of frames) {
    const told = responseEvent(frame);
    if (isJsonObject(told?.response) && told.type === "response.completed") return told.response;
    for (const part of Array.isArray(told?.choices) ? told.choices : []) {
      if (!isJsonObject(part) || typeof part.index !== "number") continue;
      const { index } = part;
      const choice = choices.find((one) => one.index === index) ?? { index, text: "", finish_reason: null };
      if (!choices.includes(choice)) choices.push(choice);
      const text = isJsonObject(part.delta) ? part.delta.content : part.text;
      if (typeof text === "string") choice.text += text;
      choice.finish_reason = part.finish_reason ?? choice.finish_reason;
    }
  }
  return { choices };
}
