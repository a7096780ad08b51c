import type { RequestId, TaskId, UnixMs } from "../../../shared/contracts/ids.ts";
import type { Deps, Incoming, RunHold } from "../../context.ts";
import { Fenced } from "../../detached/write-log.ts";

/** What a run without a caller stands for: who asked, when, and with which headers. */
export interface RunOrigin {
  /** Name of the run's span. */
  name: string;
  request: RequestId;
  receivedMs: UnixMs;
  traceparent: string | null;
  headers: Headers;
  /** Aborts when the run is to end. */
  stop: AbortSignal;
  /** Of a detached task's own run. */
  run?: RunHold;
}

/** A call without a caller, for the seam. */
export function incomingOf(deps: Pick<Deps, "telemetry">, task: TaskId, origin: RunOrigin): Incoming {
  const { name, request, receivedMs, traceparent, headers, stop, run } = origin;
  return {
    request,
    task,
    receivedMs,
    runtime: {
      source: null,
      disconnected: stop,
      defer: (work) =>
        void work.catch((cause: unknown) => {
          // A run that lost its task leaves its ends to the next one.
          if (!(cause instanceof Fenced)) deps.telemetry.log.error("run.deferred", cause, { request, task });
        }),
    },
    span: deps.telemetry.start(name, traceparent, { "bailiwick.request": request, "bailiwick.task": task }),
    headers,
    reply: {},
    ...(run === undefined ? {} : { run }),
  };
}
