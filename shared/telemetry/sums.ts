import { labelText, type Row } from "./exposition.ts";
import type { Family, MetricRegistry } from "./metric-registry.ts";

/** Of a counter its value, of a histogram its sum and one of its buckets, not cumulative. */
const KEY = /^([a-z_:][a-z0-9_:]*)(\{.*\})?(?: (?:(sum)|le (\S+)))?$/s;

/** Counters and histograms by names that are the same in every isolate and release; gauges are no sums. */
export function sumsOf(registry: MetricRegistry): Map<string, number> {
  const sums = new Map<string, number>();
  for (const family of registry.families()) {
    const { type, buckets: bounds = [] } = family.spec;
    if (type !== "counter" && type !== "histogram") continue;
    for (const series of family.series) {
      const name = `${family.name}${labelText(family, series)}`;
      if (type === "counter") sums.set(name, series.value);
      else {
        sums.set(`${name} sum`, series.sum);
        series.buckets?.forEach((count, i) => {
          if (count > 0) sums.set(`${name} le ${bounds[i] ?? "+Inf"}`, count);
        });
      }
    }
  }
  return sums;
}

/** The rows of one family from sums of all isolates; a bucket of another release's bounds counts in the next higher one. */
export function rowsFrom(family: Family, sums: ReadonlyMap<string, readonly (readonly [string, number])[]>): Row[] {
  const bounds = family.spec.buckets ?? [];
  const rows = new Map<string, Row>();
  for (const [key, value] of sums.get(family.name) ?? []) {
    const [, , labels = "", sum, le] = KEY.exec(key) ?? [];
    let row = rows.get(labels);
    if (row === undefined) {
      row = { labels, value: 0, sum: 0, buckets: bounds.length > 0 ? new Float64Array(bounds.length + 1) : null };
      rows.set(labels, row);
    }
    if (sum !== undefined) row.sum += value;
    else if (le === undefined) row.value += value;
    else if (row.buckets !== null) {
      const above = bounds.findIndex((bound) => bound >= Number(le));
      const at = le === "+Inf" || above < 0 ? bounds.length : above;
      row.buckets[at] = (row.buckets[at] ?? 0) + value;
      row.value += value;
    }
  }
  return [...rows.values()];
}

/** Sums by the family that they are of. */
export function byFamily(sums: Readonly<Record<string, number>>): Map<string, [string, number][]> {
  const families = new Map<string, [string, number][]>();
  for (const [key, value] of Object.entries(sums)) {
    const [, name] = KEY.exec(key) ?? [];
    if (name === undefined) continue;
    const known = families.get(name) ?? [];
    known.push([key, value]);
    families.set(name, known);
  }
  return families;
}
