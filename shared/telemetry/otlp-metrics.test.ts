import { afterEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { type Answer, otlpAttributes, otlpNanos, startCollector } from "../../test/support/scripted-collector.ts";
import type { UnixMs } from "../contracts/ids.ts";
import { LIMITS } from "../contracts/limits.ts";
import type { ExportTimer } from "./export-timer.ts";
import { MetricRegistry } from "./metric-registry.ts";
import { METRICS, type MetricSpec } from "./metric-table.ts";
import { otlpMetricExporter } from "./otlp-metrics.ts";
import { otlpAttributeName, otlpMetricName } from "./otlp-names.ts";
import { Redacted } from "./redacted.ts";

const time = { attributes: otlpAttributes, startTimeUnixNano: otlpNanos, timeUnixNano: otlpNanos };
const numbers = z.array(z.strictObject({ ...time, asDouble: z.number() })).min(1);
const count = z.string().regex(/^\d+$/);
const named = { name: z.string().min(1), description: z.string().min(1), unit: z.string() };
/** `ExportMetricsServiceRequest` in OTLP 1.x JSON: lowerCamelCase, enum numbers, int64 as text, nothing else. */
const ExportRequest = z.strictObject({
  resourceMetrics: z.array(
    z.strictObject({
      resource: z.strictObject({ attributes: otlpAttributes }),
      scopeMetrics: z.array(
        z.strictObject({
          scope: z.strictObject({ name: z.string(), version: z.string() }),
          metrics: z.array(
            z.union([
              z.strictObject({
                ...named,
                sum: z.strictObject({
                  aggregationTemporality: z.literal(2),
                  isMonotonic: z.literal(true),
                  dataPoints: numbers,
                }),
              }),
              z.strictObject({ ...named, gauge: z.strictObject({ dataPoints: numbers }) }),
              z.strictObject({
                ...named,
                histogram: z.strictObject({
                  aggregationTemporality: z.literal(2),
                  dataPoints: z
                    .array(
                      z
                        .strictObject({
                          ...time,
                          count,
                          sum: z.number(),
                          bucketCounts: z.array(count),
                          explicitBounds: z.array(z.number()),
                        })
                        .refine((point) => point.bucketCounts.length === point.explicitBounds.length + 1),
                    )
                    .min(1),
                }),
              }),
            ]),
          ),
        }),
      ),
    }),
  ),
});

let stop = () => {};
afterEach(() => stop());

const START_MS = 1_795_000_000_000;
const EVERY_MS = 60_000;

/** A registry, and an exporter of it whose time passes when the test says so. */
async function exporting(
  answers: (Answer | "hang")[] = [],
  options: { timers?: false; table?: Record<string, MetricSpec>; path?: string } = {},
) {
  const started = await startCollector(ExportRequest, answers);
  stop = started.stop;
  const registry = new MetricRegistry(options.table ?? METRICS);
  const time = { ms: START_MS };
  const due: [ms: number, run: () => void][] = [];
  const drops: [string, number][] = [];
  const timer: ExportTimer = {
    later: options.timers === false ? null : (ms, run) => void due.push([ms, run]),
    sleep: async () => {},
    random: () => 0.5,
  };
  const exporter = otlpMetricExporter({
    endpoint: `${started.endpoint}${options.path ?? ""}`,
    headers: { authorization: new Redacted("Bearer collector-secret") },
    resource: { "service.name": "bailiwick" },
    scope: { name: "bailiwick", version: "0.1.0" },
    fetch: (url, init) => fetch(url, { ...init, redirect: "manual" }),
    timer,
    clock: { now: () => time.ms as UnixMs }, // safe because: a test's own milliseconds
    everyMs: EVERY_MS,
  })(
    () => registry.families(),
    (reason, points) => drops.push([reason, points]),
  );
  const metrics = () =>
    started.received.map(({ body }) => body.resourceMetrics.flatMap((r) => r.scopeMetrics.flatMap((s) => s.metrics)));
  const find = (name: string) =>
    metrics()
      .at(-1)
      ?.find((metric) => metric.name === name);
  return { ...started, registry, exporter, time, due, drops, metrics, find };
}

describe("the OTLP metric exporter", () => {
  it("sends what a collector accepts: path, headers, cumulative sums, gauges and histograms since the start", async () => {
    const { registry, exporter, received, find, drops, time } = await exporting();
    registry.count("bailiwick_admissions_total", { outcome: "admitted" }, 3);
    registry.count("bailiwick_budget_settled_nusd_total", { estimated: false }, 2 ** 40);
    registry.set("bailiwick_breaker_state", { provider: "openai" }, 2);
    registry.set("bailiwick_config_info", { digest: "d1" }, 1);
    const call = { gen_ai_operation_name: "chat", gen_ai_request_model: "small" };
    for (const seconds of [0.005, 0.3, 1_000])
      registry.observe("gen_ai_server_request_duration_seconds", call, seconds);
    time.ms += 1_500;
    await exporter.flush(5_000);
    expect(drops).toEqual([]);
    expect(received).toHaveLength(1);
    expect(received[0]).toMatchObject({
      path: "/v1/metrics",
      authorization: "Bearer collector-secret",
      contentType: "application/json",
    });
    const window = { startTimeUnixNano: "1795000000000000000", timeUnixNano: "1795000001500000000" };
    const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });
    expect(find("bailiwick.admissions")).toMatchObject({
      unit: "",
      sum: { dataPoints: [{ ...window, attributes: [text("outcome", "admitted")], asDouble: 3 }] },
    });
    expect(find("bailiwick.budget_settled_nusd")).toMatchObject({
      unit: "{nUSD}",
      sum: { dataPoints: [{ asDouble: 2 ** 40 }] },
    });
    expect(find("bailiwick.breaker_state")).toMatchObject({ gauge: { dataPoints: [{ asDouble: 2 }] } });
    expect(find("bailiwick.config_info")).toMatchObject({
      gauge: { dataPoints: [{ attributes: [text("digest", "d1")], asDouble: 1 }] },
    });
    expect(find("gen_ai.server.request.duration")).toMatchObject({
      unit: "s",
      histogram: {
        dataPoints: [
          {
            ...window,
            attributes: [text("gen_ai.operation.name", "chat"), text("gen_ai.request.model", "small")],
            count: "3",
            sum: 1_000.305,
            bucketCounts: ["1", "0", "0", "0", "0", "1", ...Array(8).fill("0"), "1"],
          },
        ],
      },
    });
  });

  it("sends every interval without a call that asks for it, sums growing from the same start", async () => {
    const { registry, exporter, due, metrics, received } = await exporting();
    registry.count("bailiwick_settle_failures_total", {});
    expect(due.map(([ms]) => ms)).toEqual([EVERY_MS]);
    due.shift()?.[1]();
    expect(due.map(([ms]) => ms)).toEqual([EVERY_MS]);
    await expect.poll(() => received.length).toBe(1);
    registry.count("bailiwick_settle_failures_total", {});
    await exporter.flush(5_000);
    const values = metrics().map((all) => all.find(({ name }) => name === "bailiwick.settle_failures"));
    expect(values).toMatchObject([1, 2].map((asDouble) => ({ sum: { dataPoints: [{ asDouble }] } })));
  });

  it("never sends on its own where timers end with their request, and not at every flush, so that calls cost no export", async () => {
    const { exporter, due, received, time } = await exporting([], { timers: false });
    expect(due).toEqual([]);
    for (const afterMs of [EVERY_MS - 1, 1, 1, EVERY_MS - 2, 1]) {
      time.ms += afterMs;
      await exporter.flush(5_000);
    }
    expect(received).toHaveLength(2);
  });

  it("takes an endpoint with and without the path of traces, as the trace exporter does", async () => {
    for (const path of ["/", "/v1/traces", "/v1/traces/", "/tenant/otlp"]) {
      const { exporter, received } = await exporting([], { path });
      await exporter.flush(5_000);
      expect(received.map((each) => each.path)).toEqual([
        path === "/tenant/otlp" ? `${path}/v1/metrics` : "/v1/metrics",
      ]);
      stop();
    }
  });

  it("splits what is too much for one request, so that no body grows with the registry", async () => {
    const label = (name: string): MetricSpec => ({ type: "counter", help: name, unit: "1", labels: ["n"] });
    const names = ["a_total", "b_total", "c_total", "d_total"];
    const table = Object.fromEntries(names.map((name) => [name, label(name)]));
    const { registry, exporter, metrics } = await exporting([], { table });
    for (const name of names) for (let n = 0; n <= LIMITS.metricSeriesMax + 50; n++) registry.count(name, { n });
    await exporter.flush(5_000);
    const points = metrics().map((all) =>
      all.reduce((sum, metric) => sum + ("sum" in metric ? metric.sum.dataPoints.length : 0), 0),
    );
    expect(Math.max(...points)).toBeLessThanOrEqual(LIMITS.metricPointsBatchMax);
    expect(points.reduce((sum, each) => sum + each, 0)).toBe(names.length * (LIMITS.metricSeriesMax + 1));
  });

  it("retries what OTLP calls retryable, then gives up and counts the points, so that an outage is seen and not felt", async () => {
    const away = Array.from({ length: LIMITS.spanExportTriesMax }, (): Answer => [503]);
    const { registry, exporter, received, drops } = await exporting([[429], [503], [200], ...away], {
      table: { only_total: { type: "counter", help: "only", unit: "1", labels: ["n"] } },
    });
    for (const n of [1, 2]) registry.count("only_total", { n });
    await exporter.flush(5_000);
    expect([received.length, drops]).toEqual([3, []]);
    await exporter.flush(5_000);
    expect(drops).toEqual([["unreachable", 2]]);
  });

  it("does not repeat what is refused, and counts what is rejected out of an accepted request", async () => {
    const { registry, exporter, received, drops } = await exporting(
      [[404], [200, '{"partialSuccess":{"rejectedDataPoints":"1"}}']],
      { table: { only_total: { type: "counter", help: "only", unit: "1", labels: ["n"] } } },
    );
    for (const n of [1, 2]) registry.count("only_total", { n });
    await exporter.flush(5_000);
    await exporter.flush(5_000);
    expect(received).toHaveLength(2);
    expect(drops).toEqual([
      ["refused", 2],
      ["refused", 1],
    ]);
  });

  it("returns from flush in time although the collector hangs, and starts no second sender meanwhile", async () => {
    const { exporter, due, received } = await exporting(["hang", "hang"]);
    due.shift()?.[1]();
    due.shift()?.[1]();
    await expect.poll(() => received.length).toBe(1);
    await exporter.flush(200);
    expect(received).toHaveLength(1);
  });

  it("names every metric of the conventions as they do, so that dashboards made for them work", () => {
    const names = Object.keys(METRICS);
    const ofConventions = names.filter((name) => !name.startsWith("bailiwick_"));
    expect(ofConventions.map(otlpMetricName).sort()).toEqual([
      "gen_ai.client.token.usage",
      "gen_ai.server.request.duration",
      "gen_ai.server.time_per_output_token",
      "gen_ai.server.time_to_first_token",
      "http.server.request.duration",
    ]);
    expect(new Set(names.map(otlpMetricName)).size).toBe(names.length);
    const labels = ofConventions.flatMap((name) => [...METRICS[name as keyof typeof METRICS].labels]); // safe because: a key of the table
    for (const label of labels) expect(otlpAttributeName(label)).toMatch(/^(?:error|http|gen_ai)\./);
  });
});
