import type { Clock, Ids } from "../contracts/ports/clock.ts";
import type { ConnectExporter, SpanDrop } from "../contracts/ports/span-exporter.ts";
import type { Telemetry } from "../contracts/ports/telemetry.ts";
import { exposition } from "./exposition.ts";
import { createLog } from "./log-line.ts";
import { MetricRegistry } from "./metric-registry.ts";
import { METRICS } from "./metric-table.ts";
import { createTracer, type Sampling } from "./tracer.ts";

export interface TelemetryOptions {
  service: string;
  cell: string;
  /** Takes one JSON line without its newline. */
  sink: (line: string) => void;
  /** null: spans cost one object a request and are kept nowhere; `traceparent` still travels. */
  exporter: ConnectExporter | null;
  clock: Clock;
  ids: Ids;
  sample: Sampling;
}

const dropWarningMsMin = 60_000;

/** Telemetry of one isolate. Metrics count what this isolate saw; the cell adds isolates up. */
export function createTelemetry(options: TelemetryOptions): Telemetry {
  const { service, cell, sink, clock, ids, sample } = options;
  const metrics = new MetricRegistry(METRICS);
  const log = createLog(sink, clock, { service, cell });
  const warned = new Map<SpanDrop, number>();
  const exporter =
    options.exporter?.((reason, spans) => {
      metrics.count("bailiwick_telemetry_dropped_total", { kind: `span_${reason}` }, spans);
      const now = clock.now();
      if (now - (warned.get(reason) ?? Number.NEGATIVE_INFINITY) < dropWarningMsMin) return;
      warned.set(reason, now);
      log.warn("telemetry.spans_dropped", { reason, spans });
    }) ?? null;
  return {
    start: createTracer(exporter, clock, ids, sample),
    metrics,
    log,
    exposition: () => exposition(metrics),
    flush: async (timeoutMs) => exporter?.flush(timeoutMs),
  };
}
