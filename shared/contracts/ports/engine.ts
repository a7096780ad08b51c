import type { JsonObject } from "../json.ts";
import type { UsageRow } from "../usage.ts";

/** A wire dialect: the shape of request bodies, answers and stream frames. Surfaces and engines both speak dialects. */
export const DIALECTS = [
  "openai.chat",
  "openai.responses",
  "openai.completions",
  "openai.embeddings",
  "anthropic.messages",
  /** Tensors, by the Open Inference Protocol v2. */
  "oip.infer",
] as const;
export type Dialect = (typeof DIALECTS)[number];

export interface EngineCapabilities {
  /** Dialects the engine speaks itself; any other surface is translated before it is asked. */
  dialects: readonly Dialect[];
  streaming: boolean;
  tools: boolean;
  vision: boolean;
  structured_output: boolean;
  locality: "local" | "api";
  /** Whether a disconnect stops generation. */
  cancellation: boolean;
  synthetic: boolean;
}

export interface EngineRequest {
  /** Task id; also `cancel`'s name for the call. */
  task: string;
  dialect: Dialect;
  /** Body in `dialect`, with `model` already the exact id of the engine. */
  body: JsonObject;
  stream: boolean;
  /** The pinned model id: an upstream that reports another is an error before the first token. */
  model: string;
  traceparent: string;
  /** W3C `tracestate`, parsed and bounded; null when there is none to pass on. */
  tracestate: string | null;
  /** Opens the provider key for this call only. */
  secret: (() => Promise<string>) | null;
}

/** Raw bytes travel untouched where dialect and surface agree. */
export type ModelEvent =
  /** The engine accepted the call: its status line and content type are known. Always first. `synthetic`: it invents its answer. */
  | { kind: "head"; dialect: Dialect; upstream_request: string | null; synthetic?: boolean }
  /** Bytes of an SSE stream in `dialect`, cut anywhere. Only when streaming. */
  | { kind: "chunk"; raw: Uint8Array }
  /** The whole unary answer in `dialect`. Only when not streaming. */
  | { kind: "body"; raw: Uint8Array };

export type EngineFailure =
  /** Refused before anything ran (connection refused, DNS, TLS): free to try elsewhere. */
  | { reason: "unreachable" }
  /** 429 or 503 with its hint. */
  | { reason: "overloaded"; status: number; retry_after_ms: number | null }
  /** The engine says that the request itself is wrong; no other engine would like it better. */
  | { reason: "rejected"; status: number; message: string; code: string | null; param: string | null }
  /** 401, 403: our credential, not the caller's. */
  | { reason: "unauthorized"; status: number }
  /** 5xx, or an answer that breaks the protocol. */
  | { reason: "failed"; status: number | null; message: string }
  | { reason: "timeout" }
  | { reason: "canceled" }
  /** Another model than the pinned one answered. */
  | { reason: "model_mismatch"; reported: string };

/** Thrown by `execute` and its iteration; nothing else is. */
export class EngineError extends Error {
  readonly failure: EngineFailure;
  constructor(failure: EngineFailure, options?: ErrorOptions) {
    super(failure.reason, options);
    this.name = "EngineError";
    this.failure = failure;
  }
}

/** One model adapter. Stateless but for connections; any number of calls at once. */
export interface Engine {
  /** `<provider>` of the configuration. */
  readonly id: string;
  describeCapabilities(): EngineCapabilities;
  /** Rejects or throws with `EngineError` only. Aborting `signal` stops the upstream call; `return()` on the iterator does too. */
  execute(request: EngineRequest, signal: AbortSignal): AsyncIterable<ModelEvent>;
  /** Cheap liveness question to the upstream; never throws. */
  health(signal: AbortSignal): Promise<{ ready: boolean; reason: string | null }>;
  cancel(task: string): void;
}

/** Usage as an engine's answer told it. */
export interface ReportedUsage {
  rows: UsageRow[];
  /** The model the answer names. */
  model: string | null;
}
