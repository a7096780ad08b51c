import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { ENTRY_METRICS } from "../../shared/telemetry/entry-metric-table.ts";
import { METRICS, type MetricSpec } from "../../shared/telemetry/metric-table.ts";
import { ROOT } from "../local/command.mjs";
import { fileOf, grafana } from "./build.ts";
import { DASHBOARDS } from "./panels.ts";

const metrics = new Map<string, MetricSpec>(Object.entries({ ...METRICS, ...ENTRY_METRICS }));
/** What a scrape adds, and what a recording rule of ours makes. */
const ADDED_LABELS = new Set(["cell", "instance", "le"]);

const Rules = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.union([
          z.strictObject({ record: z.string(), expr: z.string() }),
          z.strictObject({
            ...{ alert: z.string(), expr: z.string(), for: z.string().optional() },
            labels: z.strictObject({ severity: z.enum(["page", "ticket"]) }),
            annotations: z.strictObject({ summary: z.string(), description: z.string() }),
          }),
        ]),
      ),
    }),
  ),
});
const ALERTS = join(ROOT, "infra/alerts");
const rules = readdirSync(ALERTS).flatMap((name) =>
  Rules.parse(parse(readFileSync(join(ALERTS, name), "utf8"))).groups.flatMap((group) => group.rules),
);
const recorded = new Set(rules.flatMap((rule) => ("record" in rule ? [rule.record] : [])));

/** The metric behind a series' name; null where none has such a series. */
function metricOf(series: string): string | null {
  const [, base = series, suffix] = /^(.*?)(_bucket|_sum|_count)?$/.exec(series) ?? [];
  if (metrics.get(base)?.type === "histogram") return suffix === undefined ? null : base;
  return metrics.has(series) ? series : null;
}

/** What is wrong with a query: series that nobody makes, labels that they do not have, brackets that do not close. */
function faultsOf(expr: string): string[] {
  const faults: string[] = [];
  const bare = expr.replace(/"(?:[^"\\]|\\.)*"/g, '""');
  for (const [open, close] of ["()", "{}", "[]"].map((pair) => pair.split("")))
    if (bare.split(open ?? "").length !== bare.split(close ?? "").length) faults.push(`${open}${close} do not match`);
  const labels = new Set([...ADDED_LABELS]);
  for (const [name] of bare.matchAll(/\b(?:bailiwick|gen_ai|http)_[a-z0-9_]+\b(?!\s*=)/g)) {
    const metric = metricOf(name);
    if (metric !== null) for (const label of metrics.get(metric)?.labels ?? []) labels.add(label);
  }
  const used = [
    ...[...bare.matchAll(/\{([^}]*)\}/g)].flatMap(([, inside = ""]) => [...inside.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)]),
    ...[...bare.matchAll(/\b(?:by|on)\s*\(([^)]*)\)/g)].flatMap(([, inside = ""]) => [...inside.matchAll(/(\w+)/g)]),
  ].map(([, name = ""]) => name);
  for (const name of used) if (!labels.has(name)) faults.push(`label ${name}`);
  const named = bare.replace(/\{[^}]*\}/g, "").replace(/\b(?:by|on)\s*\([^)]*\)/g, "");
  for (const [name] of named.matchAll(/\b[a-z][a-z0-9]*(?:[_:][a-z0-9]+)+\b/g))
    if (
      !/^(?:histogram_quantile|absent_over_time|min_over_time|max_over_time)$/.test(name) &&
      !recorded.has(name) &&
      metricOf(name) === null
    )
      faults.push(`series ${name}`);
  return faults;
}

describe("dashboards", () => {
  it.each(DASHBOARDS)("$title is committed as it is made", (dashboard) => {
    const committed = JSON.parse(readFileSync(fileOf(dashboard), "utf8"));
    expect(committed, "run `npm run dashboards`").toEqual(JSON.parse(grafana(dashboard)));
  });

  it("ask only for series and labels that a cell, a worker or an entry has, so that no panel stays empty", () => {
    const faults = DASHBOARDS.flatMap(({ title, panels }) =>
      panels.flatMap((panel) =>
        Object.values(panel.queries).flatMap((expr) =>
          faultsOf(expr).map((fault) => `${title}: ${panel.title}: ${fault}`),
        ),
      ),
    );
    expect(faults).toEqual([]);
  });

  it("show every metric somewhere, so that none is counted for nobody", () => {
    const text = DASHBOARDS.map((dashboard) => grafana(dashboard)).join("");
    expect([...metrics.keys()].filter((name) => !text.includes(name))).toEqual([]);
  });

  it("name in each legend only labels that the query keeps", () => {
    for (const { panels } of DASHBOARDS)
      for (const { title, queries } of panels)
        for (const [legend, expr] of Object.entries(queries))
          for (const [, label = ""] of legend.matchAll(/\{\{(\w+)\}\}/g))
            expect(/by \(([^)]*)\)/.exec(expr)?.[1]?.split(", "), `${title}: ${legend}`).toContain(label);
  });
});

describe("alerts", () => {
  it("ask only for series and labels that exist, so that none can never fire", () => {
    expect(rules.length).toBeGreaterThan(15);
    expect(
      rules.flatMap(({ expr, ...rule }) => faultsOf(expr).map((fault) => `${JSON.stringify(rule)}: ${fault}`)),
    ).toEqual([]);
  });

  it("name a chapter of the runbook each, so that whoever is woken knows what to do", () => {
    const runbook = readFileSync(join(ROOT, "docs/runbook.md"), "utf8");
    const chapters = new Set([...runbook.matchAll(/^##+ (.+)$/gm)].map(([, title]) => title));
    for (const rule of rules) if ("alert" in rule) expect(chapters, rule.alert).toContain(rule.annotations.summary);
  });

  it("would be caught with a series that nobody makes", () => {
    expect(faultsOf('sum by (cell) (rate(bailiwick_admission_total{outcome="x"}[5m]))')).toContain(
      "series bailiwick_admission_total",
    );
    expect(faultsOf("sum by (outcome, tenant) (rate(bailiwick_admissions_total[5m]))")).toEqual(["label tenant"]);
    expect(faultsOf("rate(http_server_request_duration_seconds[5m])")).toEqual([
      "series http_server_request_duration_seconds",
    ]);
    expect(faultsOf("sum(rate(bailiwick_settle_failures_total[5m])")).toEqual(["() do not match"]);
  });
});
