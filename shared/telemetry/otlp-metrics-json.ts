import type { Attributes } from "../contracts/ports/telemetry.ts";
import type { Family, Series } from "./metric-registry.ts";
import { keyValues, nanos } from "./otlp-json.ts";
import { otlpAttributeName, otlpMetricName, otlpUnit } from "./otlp-names.ts";

// OTLP 1.x JSON encoding: enums are numbers, 64-bit integers are decimal strings, doubles are numbers.
const CUMULATIVE = 2;

/** From when counters and histograms count, and of what moment their values are. */
export interface Window {
  startMs: number;
  atMs: number;
}

/** Empty labels are left out, as in the exposition. */
const attributesOf = ({ spec }: Family, { labels }: Series) =>
  keyValues(
    Object.fromEntries(
      spec.labels.flatMap((label, i) => (labels[i] ? [[otlpAttributeName(label), labels[i]] as const] : [])),
    ),
  );

function metric(family: Family, { startMs, atMs }: Window) {
  const { type, help, unit, buckets = [] } = family.spec;
  const time = { startTimeUnixNano: nanos(startMs), timeUnixNano: nanos(atMs) };
  const numbers = () =>
    family.series.map((series) => ({ attributes: attributesOf(family, series), ...time, asDouble: series.value }));
  const named = { name: otlpMetricName(family.name), description: help, unit: otlpUnit(unit) };
  if (type === "counter")
    return { ...named, sum: { aggregationTemporality: CUMULATIVE, isMonotonic: true, dataPoints: numbers() } };
  if (type !== "histogram") return { ...named, gauge: { dataPoints: numbers() } };
  const dataPoints = family.series.map((series) => ({
    attributes: attributesOf(family, series),
    ...time,
    count: String(series.value),
    sum: series.sum,
    bucketCounts: Array.from(series.buckets ?? [], String),
    explicitBounds: buckets,
  }));
  return { ...named, histogram: { aggregationTemporality: CUMULATIVE, dataPoints } };
}

/** Body of `POST /v1/metrics` (`ExportMetricsServiceRequest`) for metrics of one resource. */
export const otlpMetrics = (
  resource: Attributes,
  scope: { name: string; version: string },
  families: readonly Family[],
  window: Window,
) => ({
  resourceMetrics: [
    {
      resource: { attributes: keyValues(resource) },
      scopeMetrics: [{ scope, metrics: families.map((family) => metric(family, window)) }],
    },
  ],
});
