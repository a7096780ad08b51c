import type { Attributes } from "./telemetry.ts";

/** A span that has ended; names and text are scrubbed already. */
export interface FinishedSpan {
  /** 32 and 16 lower-case hex digits. */
  trace_id: string;
  span_id: string;
  parent_span_id: string | null;
  name: string;
  kind: "server" | "client" | "internal";
  start_ms: number;
  end_ms: number;
  attributes: Attributes;
  status: "unset" | "ok" | "error";
}

/** Where finished spans go. Never throws and never blocks a call: a full queue drops and counts. */
export interface SpanExporter {
  export(span: FinishedSpan): void;
  /** Sends what is queued; resolves when it is sent, given up on, or the time is over. Never rejects. */
  flush(timeoutMs: number): Promise<void>;
}

/** Why spans were lost: the queue was full, the collector refused them, or it could not be reached in time. */
export type SpanDrop = "queue_full" | "refused" | "unreachable";

/** Makes an exporter that tells `dropped` about every span that it loses. */
export type ConnectExporter = (dropped: (reason: SpanDrop, spans: number) => void) => SpanExporter;
