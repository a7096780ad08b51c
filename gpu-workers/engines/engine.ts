import type { JsonObject } from "../../shared/contracts/json.ts";
import type { Dialect } from "../../shared/contracts/ports/engine.ts";
import type { WorkerEngine, WorkerFailure } from "../../shared/contracts/worker-protocol.ts";

/** A request as the cell leased it, for the server on this host. */
export interface LocalRequest {
  task: string;
  dialect: Dialect;
  model: string;
  stream: boolean;
  body: JsonObject;
  traceparent: string;
}

export type LocalEvent =
  /** The server accepted the request. Always first. */
  | { kind: "head" }
  /** Bytes of the answer as they came, cut anywhere. */
  | { kind: "chunk"; raw: Uint8Array };

export interface EngineLoad {
  ready: boolean;
  /** As the server tells; null where it does not. */
  running: number | null;
  waiting: number;
  /** Share of its cache in use, 0 to 1. */
  cache: number | null;
}

/** The model server on this host. Any number of calls at once; nothing is kept between them. */
export interface LocalEngine {
  /** What it is and serves. Rejects while it cannot tell. */
  describe(signal: AbortSignal): Promise<WorkerEngine>;
  /** Cheap; never rejects. */
  load(signal: AbortSignal): Promise<EngineLoad>;
  /** Rejects with `EngineFailed` only. Aborting closes the connection, which ends the generation. */
  execute(request: LocalRequest, signal: AbortSignal): AsyncIterable<LocalEvent>;
}

/** The one thing that `execute` throws. */
export class EngineFailed extends Error {
  override readonly name = "EngineFailed";
  readonly failure: WorkerFailure;
  constructor(failure: Partial<WorkerFailure> & Pick<WorkerFailure, "reason">, options?: ErrorOptions) {
    super(failure.reason, options);
    this.failure = {
      ...{ status: null, message: failure.reason, code: null, param: null, retry_after_ms: null },
      ...failure,
    };
  }
}
