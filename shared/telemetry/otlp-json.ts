import type { FinishedSpan } from "../contracts/ports/span-exporter.ts";
import type { Attributes } from "../contracts/ports/telemetry.ts";

// OTLP 1.x JSON encoding: ids are hex, enums are numbers, 64-bit integers are decimal strings.
const KIND = { internal: 1, server: 2, client: 3 } as const;
const STATUS = { unset: 0, ok: 1, error: 2 } as const;
const SAMPLED = 1;

const anyValue = (value: string | number | boolean) => {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
};

export const keyValues = (attributes: Attributes) =>
  Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }));

export const nanos = (ms: number): string => `${Math.trunc(ms)}000000`;

/** Body of `POST /v1/traces` (`ExportTraceServiceRequest`) for spans of one resource. */
export function otlpTraces(
  resource: Attributes,
  scope: { name: string; version: string },
  spans: readonly FinishedSpan[],
) {
  return {
    resourceSpans: [
      {
        resource: { attributes: keyValues(resource) },
        scopeSpans: [
          {
            scope,
            spans: spans.map((span) => ({
              traceId: span.trace_id,
              spanId: span.span_id,
              ...(span.parent_span_id === null ? {} : { parentSpanId: span.parent_span_id }),
              flags: SAMPLED,
              name: span.name,
              kind: KIND[span.kind],
              startTimeUnixNano: nanos(span.start_ms),
              endTimeUnixNano: nanos(span.end_ms),
              attributes: keyValues(span.attributes),
              status: { code: STATUS[span.status] },
            })),
          },
        ],
      },
    ],
  };
}
