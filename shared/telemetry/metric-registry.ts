import { LIMITS } from "../contracts/limits.ts";
import type { Attributes, Metrics } from "../contracts/ports/telemetry.ts";
import type { MetricSpec } from "./metric-table.ts";
import { scrubText } from "./scrub.ts";

const OVERFLOW = "overflow";
const DROPPED = "bailiwick_telemetry_dropped_total";
const labelCharsMax = 256;

/** One label set of a metric. */
export class Series {
  readonly labels: readonly string[];
  value = 0;
  sum = 0;
  /** Observations per bucket, not cumulative; the last one is above every bound. */
  readonly buckets: Float64Array | null;
  constructor(labels: readonly string[], buckets: number) {
    this.labels = labels;
    this.buckets = buckets > 0 ? new Float64Array(buckets + 1) : null;
  }
}

interface Branch {
  next: Map<string, Branch>;
  series: Series | null;
}
const branch = (): Branch => ({ next: new Map(), series: null });

/** A metric with its label sets, found by walking one map a label: no key text is built on the hot path. */
export class Family {
  readonly name: string;
  readonly spec: MetricSpec;
  #root = branch();
  #series: Series[] = [];

  constructor(name: string, spec: MetricSpec) {
    this.name = name;
    this.spec = spec;
    if (spec.labels.length === 0) this.#add([]);
  }
  get series(): readonly Series[] {
    return this.#series;
  }
  clear(): void {
    this.#root = branch();
    this.#series = [];
  }
  find(labels: Attributes): Series | null {
    let at: Branch | undefined = this.#root;
    const names = this.spec.labels;
    for (let i = 0; i < names.length; i++) {
      const value: string | number | boolean = labels[names[i] ?? ""] ?? "";
      at = at.next.get(typeof value === "string" ? value : String(value));
      if (at === undefined) return null;
    }
    return at.series;
  }
  /** The series of labels that were not seen before; past the bound the overflow series, so that memory stays flat. */
  open(labels: Attributes): { series: Series; overflowed: boolean } {
    const values = this.spec.labels.map((label) => scrubText(String(labels[label] ?? "").slice(0, labelCharsMax)));
    const known = this.#at(values);
    if (known) return { series: known, overflowed: false };
    if (this.#series.length < LIMITS.metricSeriesMax) return { series: this.#add(values), overflowed: false };
    const rest = values.map(() => OVERFLOW);
    return { series: this.#at(rest) ?? this.#add(rest), overflowed: true };
  }
  #at(values: readonly string[]): Series | null {
    return this.find(Object.fromEntries(this.spec.labels.map((label, i) => [label, values[i] ?? ""])));
  }
  #add(values: readonly string[]): Series {
    let at = this.#root;
    for (const value of values) {
      let next = at.next.get(value);
      if (next === undefined) {
        next = branch();
        at.next.set(value, next);
      }
      at = next;
    }
    at.series ??= new Series(values, this.spec.buckets?.length ?? 0);
    this.#series.push(at.series);
    return at.series;
  }
}

/** Declared metrics of one isolate. Calls never throw; what cannot be counted is counted as dropped. */
export class MetricRegistry implements Metrics {
  readonly #families = new Map<string, Family>();
  constructor(table: Readonly<Record<string, MetricSpec>>) {
    for (const [name, spec] of Object.entries(table)) this.#families.set(name, new Family(name, spec));
  }
  families(): Iterable<Family> {
    return this.#families.values();
  }
  /** Negative and non-finite steps are dropped: a counter only rises. */
  count(name: string, labels: Attributes, by = 1): void {
    const series =
      by >= 0 && by < Number.POSITIVE_INFINITY ? this.#series(name, labels, "counter") : this.#drop("value");
    if (series) series.value += by;
  }
  gauge(name: string, labels: Attributes, delta: number): void {
    const series = Number.isFinite(delta) ? this.#series(name, labels, "gauge") : this.#drop("value");
    if (series) series.value += delta;
  }
  set(name: string, labels: Attributes, value: number): void {
    if (!Number.isFinite(value)) return void this.#drop("value");
    const family = this.#families.get(name);
    if (family?.spec.type === "info") {
      if (family.find(labels)) return;
      family.clear();
    }
    const series = this.#series(name, labels, family?.spec.type === "info" ? "info" : "gauge");
    if (series) series.value = value;
  }
  observe(name: string, labels: Attributes, value: number): void {
    const series = Number.isFinite(value) ? this.#series(name, labels, "histogram") : this.#drop("value");
    const bounds = this.#families.get(name)?.spec.buckets;
    if (!series?.buckets || !bounds) return;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] ?? 0)) bucket++;
    series.buckets[bucket] = (series.buckets[bucket] ?? 0) + 1;
    series.sum += value;
    series.value++;
  }
  #series(name: string, labels: Attributes, type: MetricSpec["type"]): Series | null {
    const family = this.#families.get(name);
    if (family?.spec.type !== type) return this.#drop("undeclared");
    const known = family.find(labels);
    if (known) return known;
    const { series, overflowed } = family.open(labels);
    if (overflowed && name !== DROPPED) this.#drop("series");
    return series;
  }
  #drop(kind: "undeclared" | "series" | "value"): null {
    if (this.#families.has(DROPPED)) this.count(DROPPED, { kind });
    return null;
  }
}
