import type { Clock, Ids } from "../contracts/ports/clock.ts";
import type { ConnectExporter } from "../contracts/ports/span-exporter.ts";
import type { Telemetry } from "../contracts/ports/telemetry.ts";
import { exposition } from "./exposition.ts";
import { createLog } from "./log-line.ts";
import type { ConnectMetrics } from "./metric-exporter.ts";
import { MetricRegistry } from "./metric-registry.ts";
import { METRICS, type MetricSpec } from "./metric-table.ts";
import { sumsOf } from "./sums.ts";
import { createTracer, type Sampling } from "./tracer.ts";

export interface TelemetryOptions {
  service: string;
  cell: string;
  /** Takes one JSON line without its newline. */
  sink: (line: string) => void;
  /** null: spans cost one object a request and are kept nowhere; `traceparent` still travels. */
  exporter: ConnectExporter | null;
  /** Absent or null: metrics are read by `exposition` alone. */
  metricExporter?: ConnectMetrics | null;
  clock: Clock;
  ids: Pick<Ids, "bytes">;
  sample: Sampling;
  /** What may be counted; a cell's own unless said otherwise. */
  table?: Record<string, MetricSpec>;
}

const dropWarningMsMin = 60_000;

/** Telemetry of one isolate. Metrics count what this isolate saw; the cell adds isolates up. */
export function createTelemetry(options: TelemetryOptions): Telemetry {
  const { service, cell, sink, clock, ids, sample } = options;
  const metrics = new MetricRegistry(options.table ?? METRICS);
  const log = createLog(sink, clock, { service, cell });
  const warned = new Map<string, number>();
  /** Every loss is counted; the log has one line a minute and kind. */
  const dropped = (signal: "span" | "metric", event: string) => (reason: string, lost: number) => {
    const kind = `${signal}_${reason}`;
    metrics.count("bailiwick_telemetry_dropped_total", { kind }, lost);
    const now = clock.now();
    if (now - (warned.get(kind) ?? Number.NEGATIVE_INFINITY) < dropWarningMsMin) return;
    warned.set(kind, now);
    log.warn(event, { reason, [`${signal}s`]: lost });
  };
  const gauges: (() => void)[] = [];
  const current = (): MetricRegistry => {
    for (const gauge of gauges)
      try {
        gauge();
      } catch (cause) {
        log.error("telemetry.gauge", cause);
      }
    return metrics;
  };
  const exporter = options.exporter?.(dropped("span", "telemetry.spans_dropped")) ?? null;
  const metricExporter =
    options.metricExporter?.(() => current().families(), dropped("metric", "telemetry.metrics_dropped")) ?? null;
  return {
    start: createTracer(exporter, clock, ids, sample),
    metrics,
    log,
    beforeReading: (gauge) => void gauges.push(gauge),
    exposition: (sums) => exposition(current(), sums),
    sums: () => sumsOf(metrics),
    async flush(timeoutMs) {
      await Promise.all([exporter?.flush(timeoutMs), metricExporter?.flush(timeoutMs)]);
    },
  };
}
