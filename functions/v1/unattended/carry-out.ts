import type { RequestId, TaskId, TenantId, UnixMs } from "../../../shared/contracts/ids.ts";
import type { LeasedTask, LogEnd, LogHead, LogMeter } from "../../../shared/contracts/ports/task-log.ts";
import type { ProblemSlug } from "../../../shared/contracts/problems.ts";
import type { TaskRecord } from "../../../shared/contracts/task.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import type { Deps, Incoming, RunHold } from "../../context.ts";
import { type DetachedCall, openCall } from "../../detached/detached-call.ts";
import { Diverged, Fenced, type LogPlace, LogWriter } from "../../detached/write-log.ts";
import { Unsettled } from "../../inference/settlement.ts";
import { parseBody } from "../../pipeline/body.ts";
import { asProblem, isAway } from "../../pipeline/problem-response.ts";
import { ProblemError, StaleAccess } from "../../problem.ts";
import { governed, type Occasion, refuseState } from "../governed.ts";
import type { Identified } from "../identify.ts";
import { parseInput } from "../input.ts";
import type { Operation } from "../operation.ts";
import { actsFor } from "./acts-here.ts";
import { type Answer, answered, isEventStream } from "./answered.ts";
import { authority } from "./authority.ts";
import { settleUnrun, tellProblem } from "./end-task.ts";
import { framesIn, framesOf } from "./frames-of.ts";
import { incomingOf } from "./incoming-of.ts";
import { problemOfRecord, settledBefore } from "./settled-before.ts";

/** A leased task. */
export interface Carried {
  tenant: TenantId;
  task: TaskId;
  leased: LeasedTask;
  /** Aborts with `Fenced`, or the problem that ends the task. */
  stop: AbortController;
  /** Why it is only ended, not run. */
  ends: ProblemError | null;
  /** Whose worker carries it out; null without one. */
  pool: string | null;
  /** Rejects with `Fenced` once somebody else has the task, or the run gave it up. */
  confirm(): Promise<void>;
}

/** What stood in the way passes, and nothing was done: the task is taken up again, and this was no attempt. */
export class NotBegun extends Error {
  override readonly name = "NotBegun";
}

/** The tenant is on its way between cells, or lives in another one: whoever has it carries its tasks out. */
export class NotHere extends NotBegun {}

/** The task is settled and its log was not ended: the task is taken up again for that alone. */
class NotEnded extends Error {
  override readonly name = "NotEnded";
}

/** What is read ahead of a run: a store that is away then stands in its way. */
async function ahead<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (cause) {
    throw isAway(cause) ? new NotBegun("a store was away ahead of the run", { cause }) : cause;
  }
}

/** Refusals that pass: nothing was decided and nothing done, so the task is taken up again. */
const PASSING: ReadonlySet<ProblemSlug> = new Set(["policy-unavailable", "store-unavailable", "draining"]);

/**
 * From the sealed call to the closed log: the requester's credential is read again, tenant and policy are asked live,
 * admission answers what it answered first, and what the operation replies goes into the log, settled before its end.
 * What may not or cannot run is ended with its problem as the answer. Throws `Fenced` when somebody else has the task, and
 * anything else when it is to be taken up again.
 */
export async function carryOut(
  deps: Deps,
  operations: ReadonlyMap<string, Operation>,
  carried: Carried,
): Promise<void> {
  const { tenant, task, leased, stop } = carried;
  const found = await ahead(deps.tenants.lookup(tenant, null));
  if (!found.ok || !actsFor(found.value.state)) throw new NotHere(`the tenant of ${task} does not live here now`);
  const { state } = found.value;
  const dataKey = await deps.keyring.openDataKey(tenant, state.data_key);
  const call = await ahead(openCall(deps, dataKey, state, task));
  const operation = call === null ? undefined : operations.get(call.operation);
  if (call === null || operation === undefined) throw new Error(`the call of ${task} is not kept any more`);
  const place: LogPlace = { tenant, task, fence: leased.fence, dataKey };
  const log = await ahead(LogWriter.repeating(deps, place, leased.frames));
  let meter: LogMeter | undefined;
  const run: RunHold = {
    ran: false,
    fence: leased.fence,
    confirm: carried.confirm,
    pool: carried.pool,
    metered(told) {
      meter = told;
    },
    async settling({ status, contentType, body }) {
      const stream = isEventStream(contentType);
      if (!stream && log.frames === 0)
        await log.head(headOf({ status, contentType, stream, headers: {} }, incoming, undefined));
      await log.keep(framesIn(body, stream));
    },
  };
  const incoming = incomingOf(deps, task, { ...originOf(call, stop.signal), run });
  const identified = await ahead(authority(deps, state, call.actor));
  let settled: TaskRecord | null = null;
  try {
    settled = leased.fence === 1 ? null : await settledBefore(deps, state, task);
    if (settled !== null) {
      await endSettled(log, settled, leased);
      incoming.span.end("ok");
      return;
    }
    if (carried.ends) throw carried.ends;
    if (!identified.ok)
      throw new ProblemError("unauthenticated", { detail: "The credential of the request is not in force any more." });
    const answer = await answerOf(deps, operation, incoming, identified.value, call);
    await write(log, answer, incoming, carried, meter);
    incoming.span.end("ok");
  } catch (thrown) {
    incoming.span.end("error");
    if (thrown instanceof NotEnded) throw thrown;
    const why = thrown instanceof Unsettled ? thrown.cause : thrown;
    const lost = why instanceof Fenced ? why : stop.signal.reason;
    const problem = problemOf(thrown, stop.signal);
    // What was settled does not pass, whatever it was settled as.
    const passes = settled === null && PASSING.has(problem.slug) && log.frames === 0;
    if (lost instanceof Fenced || passes || thrown instanceof Unsettled) {
      // Without this write the next run ends the log before what its reader was shown.
      await log
        .leave()
        .catch((cause: unknown) => deps.telemetry.log.warn("task.leave", { task, cause: String(cause) }));
      if (lost instanceof Fenced) throw lost;
      // What an engine may have done is an attempt: only our own pool is asked for it again.
      throw run.ran ? thrown : new NotBegun(problem.slug, { cause: thrown });
    }
    if (problem.slug === "internal") deps.telemetry.log.error("task.run", thrown, { task });
    const actor = identified.ok ? identified.value.actor : call.actor;
    await settleUnrun(deps, carried, { actor, incoming, delivered: log.delivered }, problem);
    await tellProblem(log, operation, incoming, problem);
  }
}

/**
 * Ends the log of a task that an earlier run settled and could not end. Throws the settled failure, and the problem of an
 * answer that is not at hand any more, as what the task's caller is told.
 */
async function endSettled(log: LogWriter, was: TaskRecord, leased: LeasedTask): Promise<void> {
  const told = leased.frames > 0 && leased.head?.stream === false;
  if (was.status !== "OK" && !told) throw problemOfRecord(was);
  if (leased.unseen === 0 && !told) throw new ProblemError("outcome-unknown");
  await endLog(log, "complete");
}

function originOf(call: DetachedCall, stop: AbortSignal) {
  const headers = new Headers(call.headers);
  if (call.idempotency_key !== null)
    headers.set("idempotency-key", `"${call.idempotency_key.replace(/["\\]/g, "\\$&")}"`);
  return {
    name: "task.run",
    request: call.request as RequestId, // safe because: it was minted as one
    receivedMs: call.received_ms as UnixMs, // safe because: it was one
    traceparent: call.traceparent,
    headers,
    stop,
  };
}

async function answerOf(
  deps: Deps,
  operation: Operation,
  incoming: Incoming,
  identified: Identified,
  call: DetachedCall,
): Promise<Answer> {
  const refused = refuseState(operation, identified);
  if (refused) throw refused;
  const rawBody = call.body === null ? new Uint8Array() : utf8(call.body);
  const input = {
    params: operation.params ? parseInput(operation.params, call.params, "path") : undefined,
    query: operation.query ? parseInput(operation.query, call.query, "query") : undefined,
    body: operation.body ? parseInput(operation.body, parseBody(rawBody), "body") : undefined,
    rawBody,
  };
  const occasion: Occasion = { point: call.point, approval: call.approval, beforeEffect: null, unattended: true };
  const once = async (who: Identified) =>
    answered(operation, await governed(operation, deps, incoming, who, input, occasion));
  try {
    return await once(identified);
  } catch (thrown) {
    if (!(thrown instanceof StaleAccess)) throw thrown;
    const again = await authority(deps, identified.state, call.actor);
    if (!again.ok) throw new ProblemError("unauthenticated");
    return once(again.value);
  }
}

/** Head, frames and end. By the end of its bytes an answer is settled. */
async function write(
  log: LogWriter,
  answer: Answer,
  incoming: Incoming,
  { leased, stop }: Carried,
  meter: LogMeter | undefined,
): Promise<void> {
  await log.head(leased.frames > 0 && leased.head ? leased.head : headOf(answer, incoming, meter));
  const { frames, cancel } = framesOf(answer);
  let cutOff = false;
  const stopped = () => {
    cutOff = answer.body instanceof ReadableStream;
    void cancel();
  };
  stop.signal.addEventListener("abort", stopped, { once: true });
  if (stop.signal.aborted) stopped();
  let broken = false;
  try {
    for await (const frame of frames) {
      // What a run says that lost its task is nobody's answer.
      if (stop.signal.reason instanceof Fenced) throw stop.signal.reason;
      await log.frame(frame);
    }
  } catch (cause) {
    // Nothing to cancel: it broke off by itself.
    if (cause instanceof Unsettled) throw cause;
    if (cause instanceof Fenced || cause instanceof Diverged) {
      await cancel();
      throw cause;
    }
    // The stream's own error frame is in the log already; that it broke is how the log ends.
    broken = true;
  } finally {
    stop.signal.removeEventListener("abort", stopped);
  }
  const outcome = answer.over === null ? "ok" : await answer.over;
  // An answer that is all there is delivered, also to who asked for its end meanwhile: it is settled.
  if (cutOff || stop.signal.reason instanceof Fenced) throw stop.signal.reason;
  if (log.behind > 0) throw new Diverged("a run ended before what was delivered");
  await endLog(log, broken || outcome === "error" ? "failed" : "complete");
}

/** The task is settled: where its log cannot be ended now, whoever takes it next ends it as it was settled. */
async function endLog(log: LogWriter, end: LogEnd): Promise<void> {
  try {
    await log.close(end);
  } catch (cause) {
    throw cause instanceof Fenced ? cause : new NotEnded("a settled task's log has no end yet", { cause });
  }
}

/** Headers of ours go with the answer; the reading call adds its own. */
function headOf(
  { status, contentType, stream, headers }: Pick<Answer, "status" | "contentType" | "stream" | "headers">,
  { reply }: Incoming,
  meter: LogMeter | undefined,
): LogHead {
  const own = Object.entries({ ...reply, ...headers }).filter(
    ([name]) => name.startsWith("x-bailiwick-") || name === "location",
  );
  const head: LogHead = { status, content_type: contentType, stream, headers: Object.fromEntries(own) };
  return stream && meter ? { ...head, meter } : head;
}

function problemOf(thrown: unknown, signal: AbortSignal): ProblemError {
  if (signal.reason instanceof ProblemError) return signal.reason;
  if (!(thrown instanceof Diverged)) return asProblem(thrown);
  const detail = "What was delivered could not be continued.";
  return new ProblemError("upstream-failed", { detail }, { cause: thrown });
}
