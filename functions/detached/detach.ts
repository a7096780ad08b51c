import type { CallContext } from "../../shared/contracts/call.ts";
import type { TaskId, TenantId, UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { OutgoingJob, QueueClass } from "../../shared/contracts/ports/job-queue.ts";
import type { Call, Deps } from "../context.ts";
import type { AnswerContext } from "../dialects/translation.ts";
import { ProblemError } from "../problem.ts";
import type { Reply } from "../v1/operation.ts";
import { sealCallback } from "./callback/sealed-callback.ts";
import { detachedCall, sealCall } from "./detached-call.ts";
import { logReply } from "./log-reply.ts";
import { readLog, refuseCrowd } from "./read-log.ts";

/** Makes the message that sends a pool's worker for one task, with its ticket. */
export interface JobIssuer {
  issue(
    context: CallContext,
    job: { pool: string; class: QueueClass; tenant: TenantId; task: TaskId; deadline: UnixMs },
  ): Promise<OutgoingJob>;
}

/** A call that is to live on without its caller, as its operation wants it. */
export interface Detachment {
  /** Told when the task has ended. */
  callback_url: string | null;
  /** What the caller is answered at once, in the form of the answer to come; null: the log is. */
  reply: ((answer: AnswerContext) => Reply) | null;
}

/** The call as it crosses queue and worker. */
export function callContext(call: Call, holdNusd: CallContext["budget_hold_nusd"]): CallContext {
  return {
    schema_version: 1,
    actor: call.actor,
    workload: null,
    request: call.request,
    task: call.task,
    decisions: [call.decided.id],
    traceparent: call.span.traceparent,
    deadline: call.deadline,
    budget_hold_nusd: holdNusd,
    idempotency_fence: null,
    labels: call.labels,
  };
}

/** An admitted call that is left to a run of its own. */
export interface Leaving {
  operation: string;
  dataKey: Uint8Array;
  holdNusd: CallContext["budget_hold_nusd"];
  pool: string | null;
  /** Of the conversation that it goes on with, or null. */
  session: string | null;
  /** Called before the task's object is asked: from then on nobody but that run, or the deadline, settles the task. */
  onLeaving(): void;
}

const LEAVE_TRIES = 3;
const LEAVE_RETRY_MS = 200;

/**
 * Leaves an admitted call to a run of its own: sealed into its task's object, with the job that sends a worker where
 * `pool` is named. An object that does not answer is asked again, which changes nothing where it had heard; after that
 * nobody knows whether the run is there, and this throws `outcome-unknown`.
 */
export async function detach(deps: Deps, call: Call, admitted: Leaving): Promise<void> {
  const { task, deadline } = call;
  const tenant = call.tenant.id;
  const { dataKey, operation, pool, session } = admitted;
  const url = call.detach?.callback_url ?? null;
  const { actor, request, span } = call;
  const callback = { schema_version: 1, url: url ?? "", actor, request, traceparent: span.traceparent } as const;
  let job: OutgoingJob | null = null;
  if (pool !== null) {
    if (deps.jobs === null)
      throw new ProblemError("no-route", { detail: "This cell has no queue to its pools.", retryAfterMs: 1_000 });
    const context = callContext(call, admitted.holdNusd);
    job = await deps.jobs.issue(context, { pool, class: "interactive", tenant, task, deadline });
  }
  const left = {
    sealed: await sealCall(dataKey, tenant, task, detachedCall(operation, call)),
    job,
    deadline,
    expires_ms: (deadline + LIMITS.detachedLifeMs) as UnixMs, // safe because: milliseconds plus milliseconds
    callback: url === null ? null : await sealCallback(dataKey, tenant, task, callback),
    session,
  };
  admitted.onLeaving();
  for (let tried = 1; ; tried++) {
    try {
      return await deps.tasks.detach(tenant, task, left);
    } catch (cause) {
      if (tried === LEAVE_TRIES) throw new ProblemError("outcome-unknown", {}, { cause });
      await new Promise((resolve) => setTimeout(resolve, tried * LEAVE_RETRY_MS));
    }
  }
}

/**
 * What the caller of a detached call is answered: the task's log, unless its operation says otherwise. A caller that
 * leaves an interactive call takes it along; a call with a key, or one that was meant to live on, goes on.
 */
export async function follow(deps: Deps, call: Call, dataKey: Uint8Array, answer: AnswerContext): Promise<Reply> {
  const { task } = call;
  const tenant = call.tenant.id;
  if (call.detach?.reply) return call.detach.reply(answer);
  const log = await readLog(deps, dataKey, tenant, task, 0);
  if (!log.ok) {
    refuseCrowd(log.error);
    throw new ProblemError("outcome-unknown", { detail: "The task was forgotten before it was answered." });
  }
  const livesOn = call.detach !== undefined || call.idempotencyKey !== null;
  const cancel = () => {
    if (!livesOn) call.runtime.defer(deps.tasks.cancelTask(tenant, task));
  };
  const { disconnected } = call.runtime;
  disconnected.addEventListener("abort", cancel, { once: true });
  try {
    return await logReply(log.value, cancel);
  } finally {
    // Of a stream the body's own `cancel` tells: this signal may abort after a whole answer, too.
    disconnected.removeEventListener("abort", cancel);
  }
}
