import type { TaskId, UnixMs } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { PROBLEMS } from "../../../shared/contracts/problems.ts";
import { err, ok, type Result, unreachable } from "../../../shared/contracts/result.ts";
import { FromSubscriber, TASK_SOCKET_CLOSE, type ToSubscriber } from "../../../shared/contracts/task-socket.ts";
import type { Call, Deps, Incoming, Socket, SocketHandler } from "../../context.ts";
import { asProblem } from "../../pipeline/problem-response.ts";
import { errorMember, ProblemError, StaleAccess } from "../../problem.ts";
import { governed, refuseState } from "../governed.ts";
import { type Identified, identify } from "../identify.ts";
import { type Operation, value } from "../operation.ts";
import { eventsOf, taskEventStream } from "../tasks/events.ts";
import { taskEventItems } from "../tasks/task-events.ts";
import { SendWindow } from "./send-window.ts";
import { follow } from "./subscription.ts";

export interface TaskSocketParts {
  deps: Deps;
  /** The call that became this socket. */
  call: Call;
  operation: Operation;
  /** Called once, when the socket has ended. */
  leave(): void;
}

type Message<T extends FromSubscriber["type"]> = Extract<FromSubscriber, { type: T }>;

/** Problems of the credential; any other that a check meets passes or is about the tenant. */
const CREDENTIAL = new Set(["unauthenticated", "credential-conflict", "rate-limited"]);
const TENANT = new Set(["tenant-suspended", "forbidden", "data-residency-mismatch"]);

/**
 * One client's socket. Each subscription is a call of its own through the seam, under the credential as it is then; the
 * credential is also read again every `socketCheckMs`. What the client does not read is not sent, and not taken from logs.
 */
export function taskSocket({ deps, call, operation, leave }: TaskSocketParts, socket: Socket): SocketHandler {
  const { clock, telemetry, lifecycle } = deps;
  const gone = new AbortController();
  const subscriptions = new Map<TaskId, AbortController>();
  const frame = (message: ToSubscriber): string => JSON.stringify(message);
  const window = new SendWindow(
    LIMITS.socketWindowBytes,
    (text) => socket.send(text),
    (id) => frame({ type: "ping", id }),
  );
  let heardMs = clock.now();
  let pingedMs = heardMs;
  let checkedMs = heardMs;
  let confirmedMs = heardMs;
  let pending = 0;
  let work: Promise<void> = Promise.resolve();

  telemetry.metrics.gauge("bailiwick_task_sockets", {}, 1);
  const watching = setInterval(watch, LIMITS.socketWatchMs);

  function over(): void {
    if (gone.signal.aborted) return;
    clearInterval(watching);
    telemetry.metrics.gauge("bailiwick_task_sockets", {}, -1);
    gone.abort();
    for (const stop of subscriptions.values()) stop.abort();
    subscriptions.clear();
    window.close();
    leave();
  }

  function close(code: number, reason: string): void {
    if (gone.signal.aborted) return;
    telemetry.log.info("socket.closed", { tenant: call.tenant.id, code, reason });
    socket.close(code, reason);
    over();
  }

  function send(message: ToSubscriber) {
    if (gone.signal.aborted) return;
    // Answers wait for nothing: who asks on and on without reading is not served.
    if (window.unread > 2 * LIMITS.socketWindowBytes) return close(TASK_SOCKET_CLOSE.unread, "nothing is read");
    window.send(frame(message));
  }

  function watch() {
    const now = clock.now();
    if (lifecycle.draining) return close(TASK_SOCKET_CLOSE.going, "the cell ends");
    if (now - heardMs > LIMITS.socketSilenceMsMax) return close(TASK_SOCKET_CLOSE.unread, "silence");
    if (now - confirmedMs > LIMITS.socketUnconfirmedMsMax)
      return close(TASK_SOCKET_CLOSE.going, "the credential could not be read");
    if (now - pingedMs >= LIMITS.socketPingMs) {
      pingedMs = now;
      window.mark();
    }
    if (now - checkedMs < LIMITS.socketCheckMs) return;
    checkedMs = now;
    void check();
  }

  /** The credential as it is now; ends the socket where it is not good any more. */
  async function check(): Promise<void> {
    try {
      await identified(true);
      confirmedMs = clock.now();
    } catch (thrown) {
      end(asProblem(thrown));
    }
  }

  function end(problem: ProblemError): void {
    if (CREDENTIAL.has(problem.slug)) close(TASK_SOCKET_CLOSE.unauthenticated, "the credential is not good any more");
    else if (TENANT.has(problem.slug)) close(TASK_SOCKET_CLOSE.forbidden, PROBLEMS[problem.slug].title);
    else telemetry.log.warn("socket.unconfirmed", { tenant: call.tenant.id, code: problem.slug });
  }

  async function identified(fresh: boolean): Promise<Identified> {
    const now = { ...call, receivedMs: clock.now() };
    const who = await identify(operation, deps, now, { fresh });
    if (who === null) throw new ProblemError("unauthenticated");
    const refused = refuseState(operation, who);
    if (refused) throw refused;
    return who;
  }

  async function subscribe({ task, starting_after: after = 0 }: Message<"subscribe">): Promise<void> {
    const stop = new AbortController();
    try {
      if (subscriptions.has(task))
        throw new ProblemError("invalid-request", { param: "task", detail: "It is subscribed to already." });
      if (subscriptions.size >= LIMITS.socketSubscriptionsMax)
        throw new ProblemError("overloaded", { detail: "One socket follows no more tasks at once." });
      const items = await decided(task, after, stop.signal);
      if (gone.signal.aborted) return stop.abort();
      subscriptions.set(task, stop);
      send({ type: "subscribed", task, starting_after: after });
      void follow({ task, items, stop: stop.signal, room: () => window.room(), send })
        .catch((cause: unknown) => telemetry.log.error("socket.events", cause, { task }))
        .finally(() => {
          // It may be subscribed to again by now.
          if (subscriptions.get(task) === stop) subscriptions.delete(task);
          stop.abort();
        });
    } catch (thrown) {
      stop.abort();
      const problem = asProblem(thrown);
      if (problem.slug === "internal") telemetry.log.error("socket.subscribe", thrown, { task });
      send({ type: "refused", task, status: PROBLEMS[problem.slug].status, error: errorMember(problem) });
      if (CREDENTIAL.has(problem.slug) || problem.slug === "tenant-suspended") end(problem);
    }
  }

  /** The events of a task, decided, recorded and refused as a read of them over HTTP is. */
  async function decided(task: TaskId, after: number, stop: AbortSignal) {
    const incoming = incomingNow();
    let items: ReturnType<typeof taskEventItems> | null = null;
    const reading: Operation = {
      ...taskEventStream,
      async execute(_deps, asked) {
        items = taskEventItems(...(await eventsOf(deps, asked, task, after, stop)));
        return value(null);
      },
    };
    const input = {
      ...{ params: { task_id: task }, query: { starting_after: after } },
      ...{ body: undefined, rawBody: new Uint8Array() },
    };
    try {
      for (let again = false; ; again = true) {
        try {
          await governed(reading, deps, incoming, await identified(again), input);
          break;
        } catch (thrown) {
          if (!(thrown instanceof StaleAccess) || again) throw thrown;
        }
      }
      if (items === null) throw new Error("nothing was read");
      incoming.span.end("ok");
      return items as ReturnType<typeof taskEventItems>; // safe because: assigned by `execute`, which the compiler does not follow
    } catch (thrown) {
      incoming.span.end("error");
      throw thrown;
    }
  }

  function incomingNow(): Incoming {
    const request = deps.ids.mint("req");
    const { runtime, headers, forwarded } = call;
    const { source, defer } = runtime;
    return {
      request,
      task: deps.ids.mint("task"),
      receivedMs: clock.now() as UnixMs,
      runtime: { source, disconnected: gone.signal, defer: (promise) => defer(promise) },
      span: telemetry.start("socket.subscribe", call.span.traceparent, { "bailiwick.request": request }),
      headers,
      reply: {},
      ...(forwarded === undefined ? {} : { forwarded }),
    };
  }

  function unsubscribe({ task }: Message<"unsubscribe">): void {
    subscriptions.get(task)?.abort();
    subscriptions.delete(task);
    send({ type: "unsubscribed", task });
  }

  async function take(message: FromSubscriber): Promise<void> {
    if (gone.signal.aborted) return;
    switch (message.type) {
      case "subscribe":
        return subscribe(message);
      case "unsubscribe":
        return unsubscribe(message);
      case "ping":
        return send({ type: "pong", ...(message.id === undefined ? {} : { id: message.id }) });
      case "pong":
        return;
      default:
        return unreachable(message);
    }
  }

  return {
    message(text) {
      if (gone.signal.aborted) return;
      heardMs = clock.now();
      const message = parse(text);
      if (!message.ok) return close(TASK_SOCKET_CLOSE.protocol, message.error);
      // Heard at once, whatever waits: it is what makes room.
      if (message.value.type === "pong") {
        if (message.value.id !== undefined) window.answered(message.value.id);
        return;
      }
      if (pending >= LIMITS.socketPendingMax) return close(TASK_SOCKET_CLOSE.flooded, "too many messages at once");
      pending++;
      const { value: next } = message;
      work = work
        .then(() => take(next))
        .catch((cause: unknown) => telemetry.log.error("socket.message", cause, {}))
        .finally(() => {
          pending--;
        });
    },
    closed: over,
  };
}

function parse(text: string): Result<FromSubscriber, string> {
  if (text.length > LIMITS.socketMessageBytesMax) return err("a message is too large");
  try {
    const message = FromSubscriber.safeParse(JSON.parse(text));
    return message.success ? ok(message.data) : err("a message is not of this protocol");
  } catch {
    return err("a message is not JSON");
  }
}
