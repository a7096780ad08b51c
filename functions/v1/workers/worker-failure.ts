import type { EngineFailure } from "../../../shared/contracts/ports/engine.ts";
import { unreachable } from "../../../shared/contracts/result.ts";
import type { WorkerFailure } from "../../../shared/contracts/worker-protocol.ts";

/** A worker's failure as that of an engine; its message goes no further than an upstream's would. */
export function engineFailure({ reason, status, message, code, param, retry_after_ms }: WorkerFailure): EngineFailure {
  switch (reason) {
    case "unreachable":
    case "timeout":
      return { reason };
    case "overloaded":
      return { reason, status: status ?? 503, retry_after_ms };
    case "rejected":
      return { reason, status: status ?? 400, message, code, param };
    case "unauthorized":
      return { reason, status: status ?? 401 };
    case "failed":
      return { reason, status, message };
    case "canceled":
      // What the cell cancels it does not hear of any more: the worker gave it up by itself.
      return { reason: "failed", status: null, message: "the worker gave it up" };
    case "model_mismatch":
      return { reason, reported: message };
    default:
      return unreachable(reason);
  }
}
