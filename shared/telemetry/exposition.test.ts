import { describe, expect, it } from "vitest";
import { LIMITS } from "../contracts/limits.ts";
import { exposition } from "./exposition.ts";
import { MetricRegistry } from "./metric-registry.ts";
import { METRICS } from "./metric-table.ts";

interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}
interface Parsed {
  types: Map<string, string>;
  samples: Sample[];
}

/** A strict reader of the Prometheus text format 0.0.4: anything that is not exactly its grammar throws. */
function parse(text: string): Parsed {
  const types = new Map<string, string>();
  const helps = new Set<string>();
  const samples: Sample[] = [];
  const seen = new Set<string>();
  let family = "";
  if (!text.endsWith("\n")) throw new Error("no final newline");
  for (const line of text.slice(0, -1).split("\n")) {
    const help = /^# HELP ([a-z_:][a-z0-9_:]*) ((?:[^\\\n]|\\[\\n])+)$/.exec(line);
    const type = /^# TYPE ([a-z_:][a-z0-9_:]*) (counter|gauge|histogram)$/.exec(line);
    if (help?.[1]) {
      if (helps.has(help[1])) throw new Error(`second HELP: ${line}`);
      helps.add(help[1]);
    } else if (type?.[1] && type[2]) {
      if (types.has(type[1]) || !helps.has(type[1])) throw new Error(`TYPE out of order: ${line}`);
      types.set(type[1], type[2]);
      family = type[1];
    } else {
      const sample = /^([a-z_:][a-z0-9_:]*)(?:\{(.*)\})? (-?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?))$/.exec(line);
      if (!sample?.[1]) throw new Error(`not a sample: ${line}`);
      const labels: Record<string, string> = {};
      let rest = sample[2] ?? "";
      while (rest !== "") {
        const pair = /^([a-z_][a-z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,(?=.)|$)/.exec(rest);
        if (!pair?.[1] || pair[1] in labels) throw new Error(`bad labels: ${line}`);
        labels[pair[1]] = (pair[2] ?? "").replace(/\\(.)/g, (_, c: string) => (c === "n" ? "\n" : c));
        rest = rest.slice(pair[0].length);
      }
      const base = types.get(family) === "histogram" ? sample[1].replace(/_(?:bucket|sum|count)$/, "") : sample[1];
      if (base !== family) throw new Error(`sample outside its family: ${line}`);
      const key = `${sample[1]}${JSON.stringify(Object.entries(labels).sort())}`;
      if (seen.has(key)) throw new Error(`duplicate sample: ${line}`);
      seen.add(key);
      samples.push({ name: sample[1], labels, value: Number(sample[3]) });
    }
  }
  return { types, samples };
}

const registry = () => new MetricRegistry(METRICS);
const sampleOf = (metrics: MetricRegistry, name: string, labels: Record<string, string> = {}) =>
  parse(exposition(metrics)).samples.find(
    (sample) => sample.name === name && JSON.stringify(sample.labels) === JSON.stringify(labels),
  )?.value;

/** One sample into every declared metric. */
function exercise(metrics: MetricRegistry): void {
  for (const [name, spec] of Object.entries(METRICS)) {
    const labels = Object.fromEntries(spec.labels.map((label, i) => [label, `v${i} "quoted" \\ \n`]));
    if (spec.type === "counter") metrics.count(name, labels);
    else if (spec.type === "histogram") for (const value of [0, 0.02, 3, 1e9]) metrics.observe(name, labels, value);
    else metrics.set(name, labels, 1);
  }
}

describe("the exposition", () => {
  it("of every declared metric passes a strict parser, so that one bad line never blinds the operator", () => {
    const metrics = registry();
    exercise(metrics);
    const { types, samples } = parse(exposition(metrics));
    expect([...types.keys()].sort()).toEqual(Object.keys(METRICS).sort());
    const labelled = samples.find((sample) => sample.name === "bailiwick_admissions_total");
    expect(labelled?.labels).toEqual({ outcome: 'v0 "quoted" \\ \n' });
  });

  it("has cumulative buckets that end in the count, so that quantiles are right", () => {
    const metrics = registry();
    exercise(metrics);
    const { types, samples } = parse(exposition(metrics));
    for (const [name, type] of types) {
      if (type !== "histogram") continue;
      const buckets = samples.filter((sample) => sample.name === `${name}_bucket`);
      const values = buckets.map((bucket) => bucket.value);
      expect(values).toEqual([...values].sort((a, b) => a - b));
      expect(buckets.at(-1)).toMatchObject({ labels: { le: "+Inf" }, value: 4 });
      expect(samples.find((sample) => sample.name === `${name}_count`)?.value).toBe(4);
      expect(samples.find((sample) => sample.name === `${name}_sum`)?.value).toBeCloseTo(1_000_000_003.02);
    }
  });

  it("follows the naming rules of Prometheus and OpenTelemetry, so that dashboards made for them work", () => {
    for (const [name, spec] of Object.entries(METRICS)) {
      expect(name.endsWith("_total")).toBe(spec.type === "counter");
      if (spec.unit === "s") expect(name).toMatch(/_seconds$/);
      expect(spec.labels).not.toContain("le");
      if ("buckets" in spec) expect(spec.buckets).toEqual([...new Set(spec.buckets)].sort((a, b) => a - b));
      expect(/^(?:gen_ai|http|bailiwick)_/.test(name)).toBe(true);
    }
    expect(METRICS.gen_ai_client_token_usage.labels).toEqual([
      "gen_ai_operation_name",
      "gen_ai_provider_name",
      "gen_ai_request_model",
      "gen_ai_response_model",
      "gen_ai_token_type",
    ]);
  });

  it("shows metrics without labels from the start as zero, so that a first failure is a rise and not an appearance", () => {
    expect(sampleOf(registry(), "bailiwick_settle_failures_total")).toBe(0);
  });
});

describe("the registry", () => {
  it("counts a number and its text as one label value, so that no series appears twice", () => {
    const metrics = registry();
    const labels = { http_route: "/v1/models", http_request_method: "GET" };
    metrics.observe("http_server_request_duration_seconds", { ...labels, http_response_status_code: 200 }, 0.1);
    metrics.observe("http_server_request_duration_seconds", { http_response_status_code: "200", ...labels }, 0.1);
    const count = parse(exposition(metrics)).samples.filter((sample) => sample.name.endsWith("_count"));
    expect(count.map((sample) => sample.value)).toEqual([2]);
  });

  it("keeps a bounded number of label sets, so that hostile labels never fill memory, and says how many it folded", () => {
    const metrics = registry();
    const extra = 50;
    for (let i = 0; i < LIMITS.metricSeriesMax + extra; i++)
      metrics.count("bailiwick_refusals_total", { reason: `r${i}` });
    const { samples } = parse(exposition(metrics));
    expect(samples.filter((sample) => sample.name === "bailiwick_refusals_total")).toHaveLength(
      LIMITS.metricSeriesMax + 1,
    );
    expect(sampleOf(metrics, "bailiwick_refusals_total", { reason: "overflow" })).toBe(extra);
    expect(sampleOf(metrics, "bailiwick_telemetry_dropped_total", { kind: "series" })).toBe(extra);
  });

  it("scrubs label values and folds those that become equal, so that a key in a label is neither shown nor doubled", () => {
    const metrics = registry();
    for (const key of ["bw_local_a_b_canary1", "bw_local_a_b_canary2"])
      metrics.count("bailiwick_refusals_total", { reason: key });
    expect(exposition(metrics)).not.toContain("canary");
    expect(sampleOf(metrics, "bailiwick_refusals_total", { reason: "[redacted]" })).toBe(2);
  });

  it("counts what it cannot take instead of throwing, so that a misspelt name never fails a call yet shows", () => {
    const metrics = registry();
    metrics.count("bailiwick_misspelt_total", {});
    metrics.gauge("bailiwick_refusals_total", { reason: "x" }, 1);
    metrics.observe("http_server_request_duration_seconds", {}, Number.NaN);
    metrics.count("bailiwick_refusals_total", { reason: "x" }, -1);
    expect(sampleOf(metrics, "bailiwick_telemetry_dropped_total", { kind: "undeclared" })).toBe(2);
    expect(sampleOf(metrics, "bailiwick_telemetry_dropped_total", { kind: "value" })).toBe(2);
    expect(sampleOf(metrics, "bailiwick_refusals_total", { reason: "x" })).toBeUndefined();
  });

  it("shows only the newest label set of an info metric, so that one configuration is in force and not two", () => {
    const metrics = registry();
    for (const digest of ["sha256:a", "sha256:b", "sha256:b"]) metrics.set("bailiwick_config_info", { digest }, 1);
    const shown = parse(exposition(metrics)).samples.filter((sample) => sample.name === "bailiwick_config_info");
    expect(shown).toEqual([{ name: "bailiwick_config_info", labels: { digest: "sha256:b" }, value: 1 }]);
  });

  it("raises, lowers and sets gauges, so that a stream that ended is not counted for ever", () => {
    const metrics = registry();
    metrics.gauge("bailiwick_streams_active", {}, 1);
    metrics.gauge("bailiwick_streams_active", {}, 1);
    metrics.gauge("bailiwick_streams_active", {}, -1);
    metrics.set("bailiwick_breaker_state", { provider: "pool-a" }, 2);
    metrics.set("bailiwick_breaker_state", { provider: "pool-a" }, 0);
    expect(sampleOf(metrics, "bailiwick_streams_active")).toBe(1);
    expect(sampleOf(metrics, "bailiwick_breaker_state", { provider: "pool-a" })).toBe(0);
  });

  it("writes every bound as it is meant, so that a query by `le` finds its bucket", () => {
    for (const [name, { buckets = [] }] of Object.entries<{ buckets?: readonly number[] }>(METRICS))
      for (const bound of buckets) expect(`${name} ${bound}`).toBe(`${name} ${Number(bound.toPrecision(9))}`);
    const metrics = registry();
    metrics.observe("bailiwick_policy_evaluation_seconds", { layer: "cell" }, 2e-6);
    expect(exposition(metrics)).toContain('le="0.0000025"} 1');
  });
});
