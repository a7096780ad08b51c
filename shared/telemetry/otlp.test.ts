import { afterEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { type Answer, otlpAttributes, otlpNanos, startCollector } from "../../test/support/scripted-collector.ts";
import { LIMITS } from "../contracts/limits.ts";
import type { FinishedSpan } from "../contracts/ports/span-exporter.ts";
import { type ExportTimer, hostTimer, requestTimer } from "./export-timer.ts";
import { otlpExporter } from "./otlp.ts";
import { Redacted } from "./redacted.ts";

/** `ExportTraceServiceRequest` in OTLP 1.x JSON: lowerCamelCase, hex ids, enum numbers, int64 as text, nothing else. */
const ExportRequest = z.strictObject({
  resourceSpans: z.array(
    z.strictObject({
      resource: z.strictObject({ attributes: otlpAttributes }),
      scopeSpans: z.array(
        z.strictObject({
          scope: z.strictObject({ name: z.string(), version: z.string() }),
          spans: z
            .array(
              z.strictObject({
                traceId: z.string().regex(/^[0-9a-f]{32}$/),
                spanId: z.string().regex(/^[0-9a-f]{16}$/),
                parentSpanId: z
                  .string()
                  .regex(/^[0-9a-f]{16}$/)
                  .optional(),
                flags: z.int().min(0).max(0x3ff),
                name: z.string().min(1),
                kind: z.int().min(1).max(5),
                startTimeUnixNano: otlpNanos,
                endTimeUnixNano: otlpNanos,
                attributes: otlpAttributes,
                status: z.strictObject({ code: z.int().min(0).max(2) }),
              }),
            )
            .min(1)
            .max(LIMITS.spanBatchMax),
        }),
      ),
    }),
  ),
});

let stop = () => {};
afterEach(() => stop());

/** The names of the spans of each export that the collector took in. */
async function collector(answers: (Answer | "hang")[] = []) {
  const started = await startCollector(ExportRequest, answers);
  stop = started.stop;
  const spans = () =>
    started.received.map(({ body }) =>
      body.resourceSpans.flatMap((r) => r.scopeSpans.flatMap((s) => s.spans.map(({ name }) => name))),
    );
  return { ...started, spans };
}

/** Time that passes when the test says so; waits are noted instead of slept. */
function manualTimer() {
  const waits: number[] = [];
  const due: (() => void)[] = [];
  const timer: ExportTimer = {
    later: (_ms, run) => void due.push(run),
    sleep: async (ms) => void waits.push(ms),
    random: () => 0.5,
  };
  return { timer, waits, due };
}

function exporterTo(endpoint: string, timer: ExportTimer) {
  const drops: [string, number][] = [];
  const connect = otlpExporter({
    endpoint,
    headers: { authorization: new Redacted("Bearer collector-secret") },
    resource: { "service.name": "bailiwick", "bailiwick.cell": "eu1" },
    scope: { name: "bailiwick", version: "0.1.0" },
    fetch: (url, init) => fetch(url, { ...init, redirect: "manual" }),
    timer,
  });
  return { drops, exporter: connect((reason, spans) => drops.push([reason, spans])) };
}

const span = (name: string, extra: Partial<FinishedSpan> = {}): FinishedSpan => ({
  trace_id: "0af7651916cd43dd8448eb211c80319c",
  span_id: "b7ad6b7169203331",
  parent_span_id: null,
  name,
  kind: "server",
  start_ms: 1_795_000_000_000,
  end_ms: 1_795_000_000_412,
  attributes: {},
  status: "ok",
  ...extra,
});

describe("the OTLP exporter", () => {
  it("sends what a collector accepts: path, headers, hex ids, enum numbers and 64-bit integers as text", async () => {
    const { received, spans, endpoint } = await collector();
    const { exporter, drops } = exporterTo(endpoint, requestTimer);
    exporter.export(
      span("root", { attributes: { "http.route": "/v1/models", n: 200, ratio: 0.5, ok: true, big: 2 ** 60 } }),
    );
    exporter.export(span("child", { parent_span_id: "00f067aa0ba902b7", kind: "client", status: "error" }));
    await exporter.flush(5_000);
    expect(drops).toEqual([]);
    expect(received).toHaveLength(1);
    expect(received[0]).toMatchObject({
      path: "/v1/traces",
      authorization: "Bearer collector-secret",
      contentType: "application/json",
    });
    expect(spans()).toEqual([["root", "child"]]);
    const [resource] = received[0]?.body.resourceSpans ?? [];
    expect(resource?.resource.attributes[0]).toEqual({ key: "service.name", value: { stringValue: "bailiwick" } });
    const [root, child] = resource?.scopeSpans[0]?.spans ?? [];
    expect(root).toMatchObject({ kind: 2, startTimeUnixNano: "1795000000000000000", status: { code: 1 } });
    expect(root?.attributes.map(({ value }) => value)).toEqual([
      { stringValue: "/v1/models" },
      { intValue: "200" },
      { doubleValue: 0.5 },
      { boolValue: true },
      { doubleValue: 2 ** 60 },
    ]);
    expect(child).toMatchObject({ parentSpanId: "00f067aa0ba902b7", kind: 3, status: { code: 2 } });
  });

  it("takes an endpoint with and without its path, so that both usual ways of writing it work", async () => {
    const { received, endpoint } = await collector();
    for (const written of [`${endpoint}/`, `${endpoint}/v1/traces`, `${endpoint}/tenant/otlp`]) {
      const { exporter } = exporterTo(written, requestTimer);
      exporter.export(span("x"));
      await exporter.flush(5_000);
    }
    expect(received.map(({ path }) => path)).toEqual(["/v1/traces", "/v1/traces", "/tenant/otlp/v1/traces"]);
  });

  it("sends in the background once a batch is full or its delay is over, so that no call waits for the collector", async () => {
    const { spans, endpoint } = await collector();
    const { timer, due } = manualTimer();
    const { exporter } = exporterTo(endpoint, timer);
    exporter.export(span("first"));
    exporter.export(span("second"));
    expect(due).toHaveLength(1);
    due.shift()?.();
    await exporter.flush(5_000);
    for (let i = 0; i < LIMITS.spanBatchMax; i++) exporter.export(span(`s${i}`));
    await exporter.flush(5_000);
    expect(spans().map(({ length }) => length)).toEqual([2, LIMITS.spanBatchMax]);
  });

  it("never sends on its own where timers end with their request, so that workerd sees no stray I/O", async () => {
    const { received, spans, endpoint } = await collector();
    const { exporter } = exporterTo(endpoint, requestTimer);
    for (let i = 0; i < 2 * LIMITS.spanBatchMax; i++) exporter.export(span("x"));
    await new Promise((resolve) => setImmediate(resolve));
    expect(received).toEqual([]);
    await exporter.flush(5_000);
    expect(spans().map(({ length }) => length)).toEqual([LIMITS.spanBatchMax, LIMITS.spanBatchMax]);
  });

  it("retries what OTLP calls retryable, with growing waits and the collector's own hint, so that a restart loses nothing", async () => {
    const { received, endpoint } = await collector([[503], [429, "", { "retry-after": "3" }], [502]]);
    const { timer, waits } = manualTimer();
    const { exporter, drops } = exporterTo(endpoint, timer);
    exporter.export(span("x"));
    await exporter.flush(5_000);
    expect(received).toHaveLength(4);
    expect(waits).toEqual([LIMITS.spanRetryMsMin, 3_000, 4 * LIMITS.spanRetryMsMin]);
    expect(drops).toEqual([]);
  });

  it("gives up after a bounded number of tries and counts the spans, so that an outage is seen and not felt", async () => {
    const { received, endpoint } = await collector(Array.from({ length: 9 }, (): Answer => [503]));
    const { timer } = manualTimer();
    const { exporter, drops } = exporterTo(endpoint, timer);
    exporter.export(span("x"));
    exporter.export(span("y"));
    await exporter.flush(5_000);
    expect(received).toHaveLength(LIMITS.spanExportTriesMax);
    expect(drops).toEqual([["unreachable", 2]]);
  });

  it.each([400, 401, 404, 302])(
    "does not repeat a batch answered with %i, so that a refusal is no storm",
    async (status) => {
      const { received, endpoint } = await collector([[status, "no"]]);
      const { exporter, drops } = exporterTo(endpoint, requestTimer);
      exporter.export(span("x"));
      await exporter.flush(5_000);
      expect(received).toHaveLength(1);
      expect(drops).toEqual([["refused", 1]]);
    },
  );

  it("counts what a collector rejects out of an accepted batch, so that partial loss is not silent", async () => {
    const { endpoint } = await collector([[200, '{"partialSuccess":{"rejectedSpans":"3","errorMessage":"quota"}}']]);
    const { exporter, drops } = exporterTo(endpoint, requestTimer);
    for (let i = 0; i < 5; i++) exporter.export(span("x"));
    await exporter.flush(5_000);
    expect(drops).toEqual([["refused", 3]]);
  });

  it("holds a bounded queue while the collector is away, so that memory stays flat", async () => {
    const { timer } = manualTimer();
    const { exporter, drops } = exporterTo("http://127.0.0.1:1", { ...timer, later: null });
    const extra = 25;
    for (let i = 0; i < LIMITS.spanQueueMax + extra; i++) exporter.export(span("x"));
    expect(drops).toHaveLength(extra);
    await exporter.flush(5_000);
    const lost = drops.reduce((sum, [, spans]) => sum + spans, 0);
    expect(lost).toBe(LIMITS.spanQueueMax + extra);
    expect(new Set(drops.map(([reason]) => reason))).toEqual(new Set(["queue_full", "unreachable"]));
  });

  it("returns from flush in time although the collector hangs, so that a drain always ends", async () => {
    const { received, endpoint } = await collector(["hang"]);
    const { exporter, drops } = exporterTo(endpoint, hostTimer);
    exporter.export(span("x"));
    await exporter.flush(300);
    expect(received).toHaveLength(1);
    await expect.poll(() => drops).toEqual([["unreachable", 1]]);
  });
});
