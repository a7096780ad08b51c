import { TaskEnvelope, TaskRequest } from "../../../shared/contracts/http/tasks.ts";
import { TaskId } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { ended } from "../../detached/ended.ts";
import { INFERENCE_OBLIGATIONS } from "../../inference/obligations/carried-out.ts";
import { prepareInference } from "../../inference/prepare.ts";
import { runInference } from "../../inference/run.ts";
import type { CallHeaders } from "../../pipeline/call-headers.ts";
import { deadlineOf } from "../../pipeline/deadline.ts";
import { privacyUnder } from "../../pipeline/pinned.ts";
import { privacyOf } from "../../pipeline/privacy.ts";
import { ProblemError } from "../../problem.ts";
import { chatCompletions } from "../inference/views.ts";
import { operation, value } from "../operation.ts";
import { askedTask, headersOf } from "./asked-task.ts";
import { callbackOf } from "./callback-of.ts";
import { taskEnvelope } from "./envelope.ts";
import { ownTask } from "./own-task.ts";
import { taskResult } from "./result.ts";

/** Seconds that the caller would wait (RFC 7240 §4.3), bounded; none without a wish. */
function waitOf(headers: CallHeaders): number {
  const [, seconds = "0"] = /(?:^|,)\s*wait\s*=\s*(\d{1,6})\s*(?:,|$)/i.exec(headers.get("prefer") ?? "") ?? [];
  return Math.min(Number(seconds) * 1000, LIMITS.preferWaitMsMax);
}

/** A task goes on without its caller: the same steps as its intent's own operation, answered with where to look. */
export const createTask = operation({
  id: "tasks.create",
  method: "post",
  path: "/v1/tasks",
  action: "inference:invoke",
  gate: "governed",
  credential: "compared",
  effect: "ambiguous",
  retry: "idempotency-key",
  ack: "admission",
  kind: "unary",
  media: "application/json",
  bodyBytesMax: LIMITS.inferenceBodyBytesMax,
  body: TaskRequest,
  success: [202, TaskEnvelope, "The task was admitted; `Location` is where it is."],
  also: [[200, TaskEnvelope, "It has ended within the wait that was preferred."]],
  problems: [...chatCompletions.problems, "not-found"],
  surface: "openai.chat",
  summary: "Create a task that goes on without its caller",
  tag: "Tasks",
  resource: { kind: "model" },
  enforces: INFERENCE_OBLIGATIONS,
  prepare(deps, call) {
    const { view, body } = askedTask(call.body);
    const headers = headersOf(call.body, call.headers);
    const { intent, callback_url: callbackUrl } = call.body;
    if (callbackUrl !== undefined && !deps.callbacks.mayName(callbackUrl))
      throw new ProblemError("invalid-request", {
        param: "callback_url",
        detail: "A callback goes to an https address that is public and holds no credentials.",
      });
    // A paradigm restricts candidates only where the configuration knows an intent of its name.
    if (!headers.has("x-bailiwick-intent") && Object.hasOwn(call.snapshot.intents, intent))
      headers.set("x-bailiwick-intent", intent);
    call.headers = headers;
    call.privacy = privacyOf(
      headers.get("x-bailiwick-privacy"),
      privacyUnder(call.tenant, call.actor.scopes.workspace),
    );
    call.deadline = deadlineOf(call);
    return prepareInference(deps, { ...call, body }, view);
  },
  async execute(deps, call) {
    const { view, body } = askedTask(call.body);
    if (call.run !== undefined) return runInference(deps, { ...call, body }, view);
    const detach = { callback_url: call.body.callback_url ?? null, reply: () => value(null) };
    const reply = await runInference(deps, { ...call, body, detach }, view);
    // A repeated key is about the task that it began.
    const task = TaskId.parse(reply.kind === "socket" ? call.task : (reply.headers?.["x-bailiwick-task"] ?? call.task));
    const waitMs = waitOf(call.headers);
    const done = waitMs > 0 && (await ended(deps, call.tenant.id, task, waitMs));
    const record = await ownTask(deps, call, task);
    const envelope = { ...taskEnvelope(record), ...(await callbackOf(deps, call, record)) };
    const headers = { location: `/v1/tasks/${task}`, "x-bailiwick-task": task };
    if (!done) return { kind: "value", value: envelope, status: 202, headers: { ...headers, "retry-after": "1" } };
    const made = { ...envelope, result: await taskResult(deps, call, record) };
    return { kind: "value", value: made, status: 200, headers };
  },
});
