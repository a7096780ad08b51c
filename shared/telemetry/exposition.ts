import type { Family, MetricRegistry, Series } from "./metric-registry.ts";
import { byFamily, rowsFrom } from "./sums.ts";

/** Content type of the text format that `exposition` writes. */
export const EXPOSITION_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

const escapeHelp = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
const escapeLabel = (text: string): string => escapeHelp(text).replaceAll('"', '\\"');

/** `{a="1",b="2"}`; empty labels are left out, for an empty label and a missing one are the same to Prometheus. */
export function labelText(family: Family, series: Series): string {
  const pairs: string[] = [];
  family.spec.labels.forEach((label, i) => {
    const value = series.labels[i];
    if (value) pairs.push(`${label}="${escapeLabel(value)}"`);
  });
  return pairs.length > 0 ? `{${pairs.join(",")}}` : "";
}

/** One label set with its numbers; `labels` is the text as it is written. */
export interface Row {
  labels: string;
  value: number;
  sum: number;
  /** Not cumulative; the last one is above every bound. */
  buckets: Float64Array | null;
}
const rowOf = (family: Family, series: Series): Row => {
  const { value, sum, buckets } = series;
  return { labels: labelText(family, series), value, sum, buckets };
};

const withBound = (labels: string, le: string): string =>
  labels === "" ? `{le="${le}"}` : `${labels.slice(0, -1)},le="${le}"}`;

function histogramLines(family: Family, row: Row, lines: string[]): void {
  const bounds = family.spec.buckets ?? [];
  let total = 0;
  bounds.forEach((bound, i) => {
    total += row.buckets?.[i] ?? 0;
    lines.push(`${family.name}_bucket${withBound(row.labels, String(bound))} ${total}`);
  });
  lines.push(`${family.name}_bucket${withBound(row.labels, "+Inf")} ${row.value}`);
  lines.push(`${family.name}_sum${row.labels} ${row.sum}`);
  lines.push(`${family.name}_count${row.labels} ${row.value}`);
}

/**
 * Prometheus text format 0.0.4. Families without a sample are left out. With `sums` (`sumsOf` of all isolates, added up)
 * counters and histograms are those; gauges are this isolate's either way.
 */
export function exposition(registry: MetricRegistry, sums: Readonly<Record<string, number>> | null = null): string {
  const lines: string[] = [];
  const told = sums === null ? null : byFamily(sums);
  for (const family of registry.families()) {
    const { type, help } = family.spec;
    const own = family.series.map((series) => rowOf(family, series));
    const summed = told !== null && (type === "counter" || type === "histogram");
    const rows = summed ? withZeros(rowsFrom(family, told), family) : own;
    if (rows.length === 0) continue;
    lines.push(`# HELP ${family.name} ${escapeHelp(help)}`);
    lines.push(`# TYPE ${family.name} ${type === "info" ? "gauge" : type}`);
    for (const row of rows) {
      if (type === "histogram") histogramLines(family, row, lines);
      else lines.push(`${family.name}${row.labels} ${row.value}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

/** A counter without labels shows from the start, so that its first rise is one. */
const withZeros = (rows: Row[], { spec }: Family): Row[] =>
  rows.length === 0 && spec.labels.length === 0 && spec.type === "counter"
    ? [{ labels: "", value: 0, sum: 0, buckets: null }]
    : rows;
