import { LIMITS } from "../../shared/contracts/limits.ts";
import { EngineError } from "../../shared/contracts/ports/engine.ts";
import type { TaskStatus } from "../../shared/contracts/task.ts";
import { quantityOf } from "../../shared/contracts/usage.ts";
import { runningCommitment } from "../../shared/crypto/running-commitment.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import type { Call, Deps } from "../context.ts";
import { isAway } from "../pipeline/problem-response.ts";
import { errorMember, ProblemError } from "../problem.ts";
import type { Reply } from "../v1/operation.ts";
import { brokenRun, leavesOpen, leftOpen } from "./broken-run.ts";
import type { StreamDelivery } from "./deliver.ts";
import { engineProblem } from "./engine-problem.ts";
import { exhaust } from "./exhaust.ts";
import { lastFrameOut } from "./last-frame.ts";
import { failedStatus } from "./relay-unary.ts";
import { concat, keepProblem } from "./result-keeper.ts";
import { Unsettled } from "./settlement.ts";
import { type Sent, StreamFrames } from "./stream-frames.ts";

const CONTENT_TYPE = "text/event-stream; charset=utf-8";
const KEEP_ALIVE = utf8(": keep-alive\n\n");

/**
 * Streams an answer with backpressure: one pull of the caller is one read of the engine. The terminal frame goes out
 * only after settlement; whatever breaks the stream ends it with an error frame and a destroyed connection, never with
 * a clean end (WIRE "Streams" rule 4). A detached run whose end could not be settled, and a worker's under
 * which a store was away, break off with `Unsettled` and tell no error: their task goes on.
 */
export function relayStream(deps: Deps, delivery: StreamDelivery): Reply {
  const { call, settlement, keeper, bound, events, stopper, output } = delivery;
  const leave = deps.lifecycle.enter();
  const frames = new StreamFrames(delivery);
  const commitment = runningCommitment(delivery.salt);
  const { metrics } = deps.telemetry;
  metrics.gauge("bailiwick_streams_active", {}, 1);
  let pending: Uint8Array | null = delivery.first;
  let broken: ProblemError | null = null;
  let ended = false;
  /** The caller went away: nothing more is sent. */
  let gone = false;
  /** The error frame is out; the next pull destroys the connection. */
  let failed = false;
  let firstMs: number | null = null;
  let lastMs = deps.clock.now();
  let pulling = false;
  let keepAlive: ReturnType<typeof setInterval> | null = null;
  const over = Promise.withResolvers<"ok" | "error">();

  const account = (made: readonly Sent[]): Uint8Array | null => {
    for (const { payload } of made) bound.delivered(payload.byteLength);
    const sent = output.sent(made);
    if (sent.length === 0) return null;
    let size = 0;
    for (const { payload, raw } of sent) {
      commitment.add(payload);
      keeper.add(raw);
      size += raw.byteLength;
    }
    lastMs = deps.clock.now();
    if (firstMs === null) {
      firstMs = lastMs;
      const seconds = (firstMs - call.receivedMs) / 1000;
      metrics.observe("gen_ai_server_time_to_first_token_seconds", settlement.labels(), seconds);
    }
    return concat(
      sent.map(({ raw }) => raw),
      size,
    );
  };

  const usageTold = () => frames.meter.read().usage?.rows ?? null;

  /** From here on nothing but the end of this stream is left to do. */
  const begin = (): void => {
    ended = true;
    // A caller that leaves now does not take the settlement with it.
    call.runtime.defer(over.promise);
    if (keepAlive !== null) clearInterval(keepAlive);
    stopper.release();
  };
  const close = (outcome: "ok" | "error"): void => {
    metrics.gauge("bailiwick_streams_active", {}, -1);
    over.resolve(outcome);
    leave();
  };

  /** Ends the task once, however the stream ends; safe to call from the pull, the cancel and the disconnect. */
  const settle = async (status: TaskStatus, problem: ProblemError | null): Promise<void> => {
    const error = problem ? { code: errorMember(problem).code, message: errorMember(problem).message } : null;
    // Its answer could not be kept.
    if (ended) return settlement.finish({ status, error, usage: usageTold(), result: "none", detail: {} });
    begin();
    let outcome: "ok" | "error" = "error";
    try {
      const result = problem
        ? await keepProblem(keeper, problem, call, delivery.shape)
        : await keeper.store({ status: 200, contentType: CONTENT_TYPE, stream: true });
      const usage = usageTold();
      await settlement.finish({
        status,
        error,
        usage,
        result,
        detail: { response: commitment.end() },
      });
      const tokens = quantityOf(usage ?? [], "tokens_out");
      if (firstMs !== null && tokens > 1) {
        const seconds = (lastMs - firstMs) / 1000 / (tokens - 1);
        metrics.observe("gen_ai_server_time_per_output_token_seconds", settlement.labels(), seconds);
      }
      outcome = problem ? "error" : "ok";
    } finally {
      if (problem) call.span.set({ "error.type": problem.slug });
      close(outcome);
    }
  };

  const stop = async (): Promise<void> => {
    stopper.abort.abort();
    await events.return?.();
  };
  const cancelled = () => {
    if (ended) return;
    gone = true;
    call.runtime.defer(Promise.all([settle("CANCELED", new ProblemError("canceled")), stop()]));
  };
  stopper.onStop = (problem) => {
    if (problem.slug === "canceled") return cancelled();
    broken ??= problem;
    // A caller that does not read asks for nothing that could fail: the task ends without it.
    if (!pulling) call.runtime.defer(Promise.all([settle(failedStatus(problem), problem), stop()]));
  };

  /** The next bytes for the caller; `last` when nothing may follow them. Throws `ProblemError` or `EngineError`. */
  const advance = async (): Promise<{ bytes: Uint8Array | null; last: boolean }> => {
    frames.check();
    let chunk = pending;
    pending = null;
    // In line, not a function of its own: each promise in between is paid for by every frame.
    while (chunk === null) {
      const next = await events.next();
      if (next.done) break;
      if (next.value.kind === "chunk") chunk = next.value.raw;
    }
    if (broken) throw broken;
    const sent = chunk === null ? frames.end() : frames.push(chunk);
    const bytes = account(sent);
    if (!frames.terminal) {
      if (chunk === null)
        throw new ProblemError("upstream-failed", { detail: "The engine's stream ended before it was complete." });
      return { bytes, last: false };
    }
    const closing = output.sent(frames.closing());
    output.settle(frames.meter.read().usage?.rows ?? null, delivery.choices);
    for (const { payload, raw } of closing) {
      commitment.add(payload);
      keeper.add(raw);
    }
    if (chunk !== null) call.runtime.defer(exhaust(events));
    const answer = frames.answer();
    if (delivery.onAnswer) await delivery.onAnswer(answer === null ? null : output.copy(answer));
    const rest = concat(
      [...(bytes ? [bytes] : []), ...closing.map(({ raw }) => raw)],
      closing.reduce((sum, { raw }) => sum + raw.byteLength, bytes?.byteLength ?? 0),
    );
    await call.run?.settling({ status: 200, contentType: CONTENT_TYPE, body: rest });
    await settle("OK", null);
    return { bytes: rest, last: true };
  };

  const fail = async (thrown: unknown): Promise<Uint8Array> => {
    if (broken === null && !settlement.finished && leavesOpen(call, thrown)) {
      if (!ended) {
        begin();
        close("error");
      }
      await stop();
      throw leftOpen(thrown);
    }
    const problem = broken ?? asStreamProblem(call, thrown);
    if (problem.slug === "task-budget-exceeded")
      metrics.count("bailiwick_budget_refusals_total", { reason: "task_cap_reached" });
    if (problem.slug === "internal" || isAway(problem.cause))
      deps.telemetry.log.error("stream.failed", thrown, { request: call.request, task: call.task });
    if (problem.slug === "obligation-failed" && problem.cause !== undefined)
      deps.telemetry.log.error("obligation.failed", problem.cause, { request: call.request, task: call.task });
    metrics.count("bailiwick_refusals_total", { reason: problem.slug });
    try {
      await settle(failedStatus(problem), problem);
    } catch (cause) {
      deps.telemetry.log.error("settle.failed", cause, { request: call.request, task: call.task });
      if (call.run) throw new Unsettled("the end of a detached run is not settled", { cause });
    } finally {
      await stop();
    }
    return frames.failure(problem);
  };

  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        keepAlive = setInterval(() => {
          if (pulling && !ended && deps.clock.now() - lastMs >= LIMITS.keepAliveMs) {
            lastMs = deps.clock.now();
            controller.enqueue(KEEP_ALIVE);
          }
        }, LIMITS.keepAliveMs / 2);
      },
      async pull(controller) {
        // The error frame went out with the pull before this one; only now may the connection be destroyed.
        if (failed) {
          // workerd, too, reads on while answers come at once and throws all of them away with the error.
          await lastFrameOut();
          controller.error(new Error("stream failed"));
          return;
        }
        pulling = true;
        try {
          for (;;) {
            const { bytes, last } = await advance();
            if (bytes) controller.enqueue(bytes);
            if (last) controller.close();
            if (bytes || last) return;
          }
        } catch (thrown) {
          if (gone) return;
          const frame = await fail(thrown);
          failed = true;
          controller.enqueue(frame);
        } finally {
          pulling = false;
        }
      },
      cancel() {
        // Also while the last bytes wait for their settlement: nobody is left to give them to.
        cancelled();
        gone = true;
      },
    },
    { highWaterMark: 0 },
  );
  return {
    kind: "bytes",
    status: 200,
    contentType: CONTENT_TYPE,
    body,
    headers: { "cache-control": "no-cache, no-transform", "x-accel-buffering": "no" },
    over: over.promise,
  };
}

const asStreamProblem = (call: Call, thrown: unknown): ProblemError =>
  thrown instanceof EngineError ? engineProblem(thrown.failure) : brokenRun(call, thrown);
