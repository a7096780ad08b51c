/** What is known about a metric. A counter's name ends in `_total`; the unit is the last word before it. */
export interface MetricSpec {
  /** `info`: a gauge of value 1 whose newest label set replaces the one before. */
  type: "counter" | "gauge" | "info" | "histogram";
  help: string;
  unit: string;
  /** In the order in which they are written. Labels that a call leaves out are empty. */
  labels: readonly string[];
  /** Upper bounds, increasing, of histograms. */
  buckets?: readonly number[];
}

/** Boundaries that the OpenTelemetry semantic conventions (HTTP) advise. */
export const HTTP_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

export const counter = (help: string, labels: readonly string[], unit = "1"): MetricSpec => ({
  type: "counter",
  help,
  unit,
  labels,
});
export const gauge = (help: string, labels: readonly string[], unit = "1"): MetricSpec => ({
  type: "gauge",
  help,
  unit,
  labels,
});
export const info = (help: string, labels: readonly string[]): MetricSpec => ({
  type: "info",
  help,
  unit: "1",
  labels,
});
export const histogram = (
  help: string,
  unit: string,
  labels: readonly string[],
  buckets: readonly number[],
): MetricSpec => ({
  type: "histogram",
  help,
  unit,
  labels,
  buckets,
});
