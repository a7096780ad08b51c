import { LIMITS } from "../contracts/limits.ts";
import type { Clock, Ids } from "../contracts/ports/clock.ts";
import type { SpanExporter } from "../contracts/ports/span-exporter.ts";
import type { Attributes, Span } from "../contracts/ports/telemetry.ts";
import { addSafely } from "./attributes.ts";
import { scrubText } from "./scrub.ts";
import { formatTraceparent, parseTraceparent, type TraceContext } from "./trace-context.ts";
import { TraceIds } from "./trace-ids.ts";

/** `ratio` of new traces is recorded; with `followParent` a caller's own decision is taken over. */
export interface Sampling {
  ratio: number;
  followParent: boolean;
}

interface Recorder {
  exporter: SpanExporter;
  clock: Clock;
  ids: TraceIds;
}

const spanNameCharsMax = 256;
const TWO_POW_56 = 2 ** 56;

/** W3C Trace Context level 2: the last 56 bits of a trace id are random; OpenTelemetry samples when they reach a threshold. */
const chosen = (traceId: string, ratio: number): boolean =>
  ratio >= 1 || (ratio > 0 && Number.parseInt(traceId.slice(18), 16) >= (1 - ratio) * TWO_POW_56);

/** Not recorded: costs one object a request, and passes the trace on. Its children are itself. */
class PassiveSpan implements Span {
  readonly #ids: TraceIds;
  #traceparent: string | null;
  constructor(ids: TraceIds, traceparent: string | null) {
    this.#ids = ids;
    this.#traceparent = traceparent;
  }
  get traceparent(): string {
    this.#traceparent ??= formatTraceparent({ traceId: this.#ids.trace(), spanId: this.#ids.span(), sampled: false });
    return this.#traceparent;
  }
  set(): void {}
  rename(): void {}
  child(): Span {
    return this;
  }
  end(): void {}
}

class RecordedSpan implements Span {
  readonly #recorder: Recorder;
  readonly #context: TraceContext;
  readonly #parent: string | null;
  #name: string;
  readonly #root: boolean;
  readonly #startMs: number;
  readonly #attributes: Attributes = {};
  #ended = false;

  constructor(
    recorder: Recorder,
    traceId: string,
    parent: string | null,
    root: boolean,
    name: string,
    attributes?: Attributes,
  ) {
    this.#recorder = recorder;
    this.#context = { traceId, spanId: recorder.ids.span(), sampled: true };
    this.#parent = parent;
    this.#root = root;
    this.#name = name;
    this.#startMs = recorder.clock.now();
    if (attributes) this.set(attributes);
  }
  get traceparent(): string {
    return formatTraceparent(this.#context);
  }
  set(attributes: Attributes): void {
    if (!this.#ended) addSafely(this.#attributes, attributes, LIMITS.spanAttributesMax);
  }
  rename(name: string): void {
    if (!this.#ended) this.#name = name;
  }
  child(name: string, attributes?: Attributes): Span {
    return new RecordedSpan(this.#recorder, this.#context.traceId, this.#context.spanId, false, name, attributes);
  }
  end(status: "ok" | "error" | "unset" = "unset"): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#recorder.exporter.export({
      trace_id: this.#context.traceId,
      span_id: this.#context.spanId,
      parent_span_id: this.#parent,
      name: scrubText(this.#name.slice(0, spanNameCharsMax)),
      kind: this.#root ? "server" : "server.address" in this.#attributes ? "client" : "internal",
      start_ms: this.#startMs,
      end_ms: this.#recorder.clock.now(),
      attributes: this.#attributes,
      status,
    });
  }
}

/** Starts root spans. The sampling decision comes first; a span that is not recorded still propagates its trace. */
export function createTracer(
  exporter: SpanExporter | null,
  clock: Clock,
  ids: Pick<Ids, "bytes">,
  sampling: Sampling,
): (name: string, traceparent: string | null, attributes?: Attributes) => Span {
  const traceIds = new TraceIds(ids);
  const recorder = exporter && { exporter, clock, ids: traceIds };
  return (name, traceparent, attributes) => {
    const parent = parseTraceparent(traceparent);
    if (!recorder) return new PassiveSpan(traceIds, parent && formatTraceparent(parent));
    const traceId = parent?.traceId ?? traceIds.trace();
    const sampled = parent && sampling.followParent ? parent.sampled : chosen(traceId, sampling.ratio);
    if (sampled) return new RecordedSpan(recorder, traceId, parent?.spanId ?? null, true, name, attributes);
    return new PassiveSpan(traceIds, formatTraceparent(parent ?? { traceId, spanId: traceIds.span(), sampled: false }));
  };
}
