import type { TaskId } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { err, ok, type Result, unreachable } from "../../../shared/contracts/result.ts";
import {
  FromWorker,
  type LEASE_REFUSALS,
  type ToWorker,
  WORKER_CLOSE,
  type WorkerLoad,
} from "../../../shared/contracts/worker-protocol.ts";
import type { WorkerClaims } from "../../../shared/crypto/workload-token.ts";
import type { Deps, Runtime, Socket, SocketHandler } from "../../context.ts";
import type { RunHost, TakeRefusal } from "../unattended/run-host.ts";
import { type MessageRefusal, readMessage } from "./read-message.ts";
import { ProtocolBroken, WorkerTask } from "./worker-task.ts";

/** What is neither leased nor settled by others is asked for again after this. */
const LATER_MS = 1_000;
/** A task that other workers of the pool may have. */
const OTHERS_MS = 5_000;

type Frame<T extends FromWorker["t"]> = Extract<FromWorker, { t: T }>;
type Refusal = (typeof LEASE_REFUSALS)[number];

/** How much the newest task counts in the mean service time: about the last ten do. */
const SERVICE_ALPHA = 0.2;

export interface ConnectionParts {
  deps: Pick<Deps, "clock" | "ids" | "telemetry" | "lifecycle">;
  tokens: NonNullable<Deps["workers"]>["tokens"];
  runs: Pick<RunHost, "take">;
  claims: WorkerClaims & { expires_ms: number };
  reports: NonNullable<Deps["workers"]>["reports"];
  /** Keeps the runtime at work until a lease is over, also when the connection ends before it. */
  defer: Runtime["defer"];
}

/**
 * One worker's connection: leases, chunks, credit, cancellation and load of all of its tasks. When it ends, the runs of its
 * tasks are given up with nothing settled; the worker offers what it has again on its next one.
 */
export function workerConnection(parts: ConnectionParts, socket: Socket): SocketHandler {
  const { deps, tokens, runs, reports } = parts;
  const { clock, telemetry, lifecycle } = deps;
  const id = deps.ids.base62(16);
  const { pool, sub, worker } = parts.claims;
  const gone = new AbortController();
  const tasks = new Map<TaskId, WorkerTask>();
  let { claims } = parts;
  let hello: Frame<"hello"> | null = null;
  let heardMs = clock.now();
  let drained = false;
  let leaving = false;
  let serviceMs: number | null = null;

  const watching = setInterval(watch, LIMITS.workerLoadEveryMs);

  function send(frame: ToWorker) {
    if (gone.signal.aborted) return;
    if (socket.buffered > LIMITS.workerSendBytesMax) return close(WORKER_CLOSE.unread, "frames are not read");
    socket.send(JSON.stringify(frame));
  }

  function close(code: number, reason: string): void {
    if (gone.signal.aborted) return;
    telemetry.log.info("worker.closed", { pool, worker, code, reason });
    socket.close(code, reason);
    over();
  }

  function over(): void {
    if (gone.signal.aborted) return;
    clearInterval(watching);
    // Runs are given up first: what breaks afterwards is nobody's failure.
    gone.abort();
    for (const task of tasks.values())
      task.fail({ reason: "failed", status: null, message: "the worker's connection is gone" });
    reports.gone(id);
  }

  function watch() {
    const now = clock.now();
    if (now >= claims.expires_ms) return close(WORKER_CLOSE.unauthenticated, "the token has ended");
    if (now - heardMs > LIMITS.workerSilenceMsMax) return close(WORKER_CLOSE.protocol, "silence");
    if (!lifecycle.draining) return;
    if (!drained) send({ t: "drain" });
    drained = true;
    if (tasks.size === 0 || lifecycle.expired.aborted) close(WORKER_CLOSE.going, "the cell ends");
  }

  function report(load: WorkerLoad): void {
    if (hello === null || leaving) return;
    reports.report({ id, pool, worker, ...load, service_ms: serviceMs, models: hello.engine.models });
  }

  /** How long a task had one of the worker's slots. */
  function served(sinceMs: number): void {
    const ms = clock.now() - sinceMs;
    serviceMs = Math.round(serviceMs === null ? ms : serviceMs + SERVICE_ALPHA * (ms - serviceMs));
  }

  function refuse(ref: string, reason: Refusal, retryAfterMs: number | null = null): void {
    telemetry.metrics.count("bailiwick_leases_total", { pool, outcome: reason });
    send({ t: "refused", ref, reason, retry_after_ms: retryAfterMs });
  }

  /** From the worker's question to what became of the task. */
  async function lease({ ref, message, held, delivered }: Frame<"lease">): Promise<void> {
    const asked = await readMessage(tokens, claims, message, clock.now());
    if (!asked.ok) return refuse(ref, ...refusalOf(asked.error));
    const { ticket, deadline } = asked.value;
    const { sub: name, tenant } = ticket;
    if (tasks.has(name)) return refuse(ref, "leased", LATER_MS);
    if (gone.signal.aborted || tasks.size >= LIMITS.workerTasksMax || hello === null)
      return refuse(ref, "later", LATER_MS);
    const synthetic = hello.engine.kind === "synthetic";
    const task = new WorkerTask({ task: name, ref, deadline, pool, synthetic, send });
    tasks.set(name, task);
    try {
      const taken = await runs.take(tenant, name, {
        ...{ channel: task, lost: gone.signal, held },
        ...(delivered === undefined ? {} : { message: delivered }),
      });
      if (!taken.ok) return refuse(ref, ...refusalOf(taken.error));
      const { fence, over: ended } = taken.value;
      task.leased(fence);
      const sinceMs = clock.now();
      const end = await ended;
      if (task.given && end === "done") served(sinceMs);
      // The run ended without asking this worker's engine.
      if (!task.given) return end === "done" ? refuse(ref, "finished") : refuse(ref, "later", LATER_MS);
      telemetry.metrics.count("bailiwick_leases_total", { pool, outcome: end === "done" ? "settled" : "lost" });
      send({ t: end === "done" ? "settled" : "lost", task: name, fence });
    } finally {
      tasks.delete(name);
    }
  }

  async function renew({ token }: Frame<"auth">): Promise<void> {
    const read = await tokens.readWorker(token, clock.now());
    if (!read.ok || read.value.pool !== pool || read.value.sub !== sub)
      return close(WORKER_CLOSE.unauthenticated, "not this worker's token");
    claims = read.value;
  }

  /** What may fail only by a defect or a store that is away: the worker asks again. */
  function begun(ref: string | null, work: Promise<void>): void {
    const over = work.catch((cause: unknown) => {
      telemetry.log.error("worker.frame", cause, { pool, worker });
      if (ref !== null) refuse(ref, "later", LATER_MS);
    });
    parts.defer(over);
  }

  /** Who is welcome is known to the whole cell, so that no edge refuses calls for want of a worker that has said it is one. */
  async function welcome(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, LIMITS.workerUntoldMsMax);
    });
    await Promise.race([reports.known(id), late]);
    clearTimeout(timer);
    send({ t: "welcome", load_every_ms: LIMITS.workerLoadEveryMs, token_until_ms: claims.expires_ms });
  }

  function take(frame: FromWorker) {
    if (frame.t === "hello") {
      if (hello !== null) throw new ProtocolBroken("two hellos");
      hello = frame;
      telemetry.log.info("worker.connected", { pool, worker, subject: sub, engine: frame.engine.kind });
      report(frame.load);
      return begun(null, welcome());
    }
    if (hello === null) throw new ProtocolBroken("no hello");
    switch (frame.t) {
      case "lease":
        return begun(frame.ref, lease(frame));
      case "head":
      case "chunk":
      case "end":
      case "fail":
        return tasks.get(frame.task)?.frame(frame);
      case "load":
        return report(frame.load);
      case "auth":
        return begun(null, renew(frame));
      case "ping":
        return send({ t: "pong" });
      case "leaving":
        leaving = true;
        return reports.gone(id);
      default:
        return unreachable(frame);
    }
  }

  return {
    message(text) {
      if (gone.signal.aborted) return;
      heardMs = clock.now();
      const frame = parse(text);
      if (!frame.ok) return close(WORKER_CLOSE.protocol, frame.error);
      try {
        take(frame.value);
      } catch (thrown) {
        if (!(thrown instanceof ProtocolBroken)) throw thrown;
        close(WORKER_CLOSE.protocol, thrown.message);
      }
    },
    closed: over,
  };
}

function parse(text: string): Result<FromWorker, string> {
  if (text.length > LIMITS.workerMessageBytesMax) return err("a frame is too large");
  try {
    const frame = FromWorker.safeParse(JSON.parse(text));
    return frame.success ? ok(frame.data) : err("a frame is not of this protocol");
  } catch {
    return err("a frame is not JSON");
  }
}

function refusalOf(refusal: TakeRefusal | MessageRefusal): [Refusal, number | null] {
  switch (refusal.reason) {
    case "leased":
      return ["leased", refusal.retry_after_ms];
    case "overloaded":
      return ["later", refusal.retry_after_ms];
    case "later":
      return ["later", OTHERS_MS];
    case "not_found":
      return ["unknown", null];
    case "finished":
    case "canceled":
    case "exhausted":
    case "invalid":
    case "forbidden":
      return [refusal.reason, null];
    default:
      return unreachable(refusal);
  }
}
