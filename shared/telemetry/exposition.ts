import type { Family, MetricRegistry, Series } from "./metric-registry.ts";

/** Content type of the text format that `exposition` writes. */
export const EXPOSITION_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

const escapeHelp = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
const escapeLabel = (text: string): string => escapeHelp(text).replaceAll('"', '\\"');

/** `{a="1",b="2"}`; empty labels are left out, for an empty label and a missing one are the same to Prometheus. */
function labelText(family: Family, series: Series, le?: string): string {
  const pairs: string[] = [];
  family.spec.labels.forEach((label, i) => {
    const value = series.labels[i];
    if (value) pairs.push(`${label}="${escapeLabel(value)}"`);
  });
  if (le !== undefined) pairs.push(`le="${le}"`);
  return pairs.length > 0 ? `{${pairs.join(",")}}` : "";
}

function histogramLines(family: Family, series: Series, lines: string[]): void {
  const bounds = family.spec.buckets ?? [];
  let total = 0;
  bounds.forEach((bound, i) => {
    total += series.buckets?.[i] ?? 0;
    lines.push(`${family.name}_bucket${labelText(family, series, String(bound))} ${total}`);
  });
  lines.push(`${family.name}_bucket${labelText(family, series, "+Inf")} ${series.value}`);
  lines.push(`${family.name}_sum${labelText(family, series)} ${series.sum}`);
  lines.push(`${family.name}_count${labelText(family, series)} ${series.value}`);
}

/** Prometheus text format 0.0.4. Families without a sample are left out. */
export function exposition(registry: MetricRegistry): string {
  const lines: string[] = [];
  for (const family of registry.families()) {
    if (family.series.length === 0) continue;
    const { type, help } = family.spec;
    lines.push(`# HELP ${family.name} ${escapeHelp(help)}`);
    lines.push(`# TYPE ${family.name} ${type === "info" ? "gauge" : type}`);
    for (const series of family.series) {
      if (type === "histogram") histogramLines(family, series, lines);
      else lines.push(`${family.name}${labelText(family, series)} ${series.value}`);
    }
  }
  return `${lines.join("\n")}\n`;
}
