import { expect, it } from "vitest";
import type { UnixMs } from "../contracts/ids.ts";
import type { FinishedSpan, SpanDrop } from "../contracts/ports/span-exporter.ts";
import { createTelemetry } from "./create-telemetry.ts";
import type { MetricDrop } from "./metric-exporter.ts";
import type { Family } from "./metric-registry.ts";

function telemetry() {
  const lines: string[] = [];
  const spans: FinishedSpan[] = [];
  const flushes: number[] = [];
  const time = { ms: 1_795_000_000_000 };
  let drop: (reason: SpanDrop, spans: number) => void = () => {};
  let dropMetrics: (reason: MetricDrop, points: number) => void = () => {};
  let read: () => Iterable<Family> = () => [];
  const made = createTelemetry({
    service: "cell",
    cell: "local",
    sink: (line) => lines.push(line),
    exporter: (dropped) => {
      drop = dropped;
      return { export: (span) => void spans.push(span), flush: async (ms) => void flushes.push(ms) };
    },
    metricExporter: (families, dropped) => {
      [read, dropMetrics] = [families, dropped];
      return { flush: async (ms) => void flushes.push(ms) };
    },
    clock: { now: () => time.ms as UnixMs }, // safe because: a fixed instant
    ids: { bytes: (count) => new Uint8Array(count).fill(7) },
    sample: { ratio: 1, followParent: false },
  });
  return {
    made,
    lines,
    spans,
    flushes,
    time,
    drop: (reason: SpanDrop, n: number) => drop(reason, n),
    dropMetrics: (reason: MetricDrop, n: number) => dropMetrics(reason, n),
    read: () => [...read()],
  };
}

it("hands spans to the exporter and flushes both exporters, so that a drain loses neither traces nor sums", async () => {
  const { made, spans, flushes } = telemetry();
  made.start("GET /v1/models", null).end("ok");
  await made.flush(250);
  expect(spans.map(({ name }) => name)).toEqual(["GET /v1/models"]);
  expect(flushes).toEqual([250, 250]);
});

it("counts every lost span and warns once a minute, so that an outage is seen without flooding the log", () => {
  const { made, lines, drop, time } = telemetry();
  for (let i = 0; i < 100; i++) drop("queue_full", 1);
  drop("unreachable", 256);
  expect(made.exposition()).toContain('bailiwick_telemetry_dropped_total{kind="span_queue_full"} 100\n');
  expect(made.exposition()).toContain('bailiwick_telemetry_dropped_total{kind="span_unreachable"} 256\n');
  expect(lines).toHaveLength(2);
  time.ms += 60_000;
  drop("queue_full", 1);
  expect(lines).toHaveLength(3);
});

it("counts and warns of what a collector did not take of the metrics as well", () => {
  const { made, lines, dropMetrics } = telemetry();
  for (let i = 0; i < 3; i++) dropMetrics("refused", 40);
  expect(made.exposition()).toContain('bailiwick_telemetry_dropped_total{kind="metric_refused"} 120\n');
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { level: "warn", event: "telemetry.metrics_dropped", reason: "refused", metrics: 40 },
  ]);
});

it("brings values that change without a call up to date for every reader, and survives one that cannot be had", () => {
  const { made, lines, read } = telemetry();
  let state = 0;
  made.beforeReading(() => {
    throw new Error("no state");
  });
  made.beforeReading(() => made.metrics.set("bailiwick_breaker_state", { provider: "p" }, ++state));
  expect(made.exposition()).toContain('bailiwick_breaker_state{provider="p"} 1\n');
  expect(read().find(({ name }) => name === "bailiwick_breaker_state")?.series[0]?.value).toBe(2);
  expect(lines.map((line) => JSON.parse(line).event)).toEqual(["telemetry.gauge", "telemetry.gauge"]);
});
