import type { EntryMetricName } from "../../shared/telemetry/entry-metric-table.ts";
import type { MetricName as CellMetricName } from "../../shared/telemetry/metric-table.ts";

type MetricName = CellMetricName | EntryMetricName;

/** A row of a dashboard: what somebody who watches asks, and the queries that answer it. */
export interface Panel {
  title: string;
  unit: "short" | "s" | "percentunit" | "currencyUSD" | "bytes" | "reqps";
  /** Legend → PromQL. `$cell` is the label that the scrape adds. */
  queries: Record<string, string>;
}
export interface Dashboard {
  uid: string;
  title: string;
  panels: Panel[];
}

const CELL = 'cell=~"$cell"';
type Labels = string;
const select = (metric: MetricName, suffix = "", labels: Labels = ""): string =>
  `${metric}${suffix}{${[CELL, labels].filter(Boolean).join(",")}}`;

const rate = (metric: MetricName, by: string[] = [], labels: Labels = ""): string =>
  `sum${by.length > 0 ? ` by (${by.join(", ")})` : ""} (rate(${select(metric, "", labels)}[$__rate_interval]))`;
const countRate = (metric: MetricName, by: string[] = [], labels: Labels = ""): string =>
  `sum${by.length > 0 ? ` by (${by.join(", ")})` : ""} (rate(${select(metric, "_count", labels)}[$__rate_interval]))`;
const quantile = (q: number, metric: MetricName, by: string[] = []): string =>
  `histogram_quantile(${q}, sum by (${["le", ...by].join(", ")}) (rate(${select(metric, "_bucket")}[$__rate_interval])))`;
const total = (metric: MetricName, by: string[] = []): string =>
  `sum${by.length > 0 ? ` by (${by.join(", ")})` : ""} (${select(metric)})`;
const most = (metric: MetricName, by: string[] = []): string =>
  `max${by.length > 0 ? ` by (${by.join(", ")})` : ""} (${select(metric)})`;
const quantiles = (metric: MetricName): Record<string, string> => ({
  p50: quantile(0.5, metric),
  p95: quantile(0.95, metric),
  p99: quantile(0.99, metric),
});

const NUSD = "/ 1e9";

export const DASHBOARDS: readonly Dashboard[] = [
  {
    uid: "bailiwick-cell",
    title: "Bailiwick: a cell",
    panels: [
      {
        title: "Calls by status",
        unit: "reqps",
        queries: {
          "{{http_response_status_code}}": countRate("http_server_request_duration_seconds", [
            "http_response_status_code",
          ]),
        },
      },
      {
        title: "Share of calls that failed (5xx)",
        unit: "percentunit",
        queries: {
          failed: `${countRate("http_server_request_duration_seconds", [], 'http_response_status_code=~"5.."')} / ${countRate("http_server_request_duration_seconds")}`,
        },
      },
      { title: "Time of an answer", unit: "s", queries: quantiles("http_server_request_duration_seconds") },
      {
        title: "Time of a model call to its settlement",
        unit: "s",
        queries: quantiles("gen_ai_server_request_duration_seconds"),
      },
      { title: "Time to the first token", unit: "s", queries: quantiles("gen_ai_server_time_to_first_token_seconds") },
      {
        title: "Time per further token, p95 by model",
        unit: "s",
        queries: {
          "{{gen_ai_response_model}}": quantile(0.95, "gen_ai_server_time_per_output_token_seconds", [
            "gen_ai_response_model",
          ]),
        },
      },
      {
        title: "Tokens a second by type",
        unit: "short",
        queries: {
          "{{gen_ai_token_type}}": `sum by (gen_ai_token_type) (rate(${select("gen_ai_client_token_usage", "_sum")}[$__rate_interval]))`,
        },
      },
      {
        title: "In hand",
        unit: "short",
        queries: {
          calls: total("bailiwick_requests_active"),
          streams: total("bailiwick_streams_active"),
          sockets: total("bailiwick_task_sockets"),
        },
      },
      {
        title: "Tries at engines",
        unit: "reqps",
        queries: { "{{provider}} {{outcome}}": rate("bailiwick_engine_attempts_total", ["provider", "outcome"]) },
      },
      {
        title: "Fallbacks",
        unit: "reqps",
        queries: { "{{from}} → {{to}}: {{reason}}": rate("bailiwick_fallbacks_total", ["from", "to", "reason"]) },
      },
      {
        title: "Circuit breakers (2 is open)",
        unit: "short",
        queries: { "{{provider}}": most("bailiwick_breaker_state", ["provider"]) },
      },
      {
        title: "Without a dependency",
        unit: "short",
        queries: { "{{dependency}}": most("bailiwick_dependency_degraded", ["dependency"]) },
      },
      {
        title: "Sends that the objects refused: not an edge's",
        unit: "reqps",
        queries: { "{{why}}": rate("bailiwick_edge_refusals_total", ["why"]) },
      },
      { title: "Outbox", unit: "short", queries: { "{{object}}": total("bailiwick_outbox_pending", ["object"]) } },
      {
        title: "Telemetry that was lost",
        unit: "reqps",
        queries: { "{{kind}}": rate("bailiwick_telemetry_dropped_total", ["kind"]) },
      },
      {
        title: "Code that runs",
        unit: "short",
        queries: { "{{release}} on {{runtime}}": `count by (release, runtime) (${select("bailiwick_build_info")})` },
      },
      {
        title: "Configuration in force",
        unit: "short",
        queries: { "{{digest}}": `count by (digest) (${select("bailiwick_config_info")})` },
      },
    ],
  },
  {
    uid: "bailiwick-governance",
    title: "Bailiwick: governance",
    panels: [
      {
        title: "Admissions",
        unit: "reqps",
        queries: { "{{outcome}}": rate("bailiwick_admissions_total", ["outcome"]) },
      },
      {
        title: "Refusals by problem",
        unit: "reqps",
        queries: { "{{reason}}": rate("bailiwick_refusals_total", ["reason"]) },
      },
      {
        title: "Decisions of policy",
        unit: "reqps",
        queries: { "{{layer}} {{decision}}": rate("bailiwick_policy_decisions_total", ["layer", "decision"]) },
      },
      {
        title: "Time of an evaluation, p99",
        unit: "s",
        queries: { "{{layer}}": quantile(0.99, "bailiwick_policy_evaluation_seconds", ["layer"]) },
      },
      {
        title: "Evaluations that denied because they failed",
        unit: "reqps",
        queries: { "{{layer}} {{code}}": rate("bailiwick_policy_failures_total", ["layer", "code"]) },
      },
      {
        title: "Age of the policy that decides (900 s is the end)",
        unit: "s",
        queries: { "{{layer}}": most("bailiwick_policy_freshness_age_seconds", ["layer"]) },
      },
      {
        title: "Loads and pulls of policy",
        unit: "reqps",
        queries: {
          "load {{layer}} {{outcome}}": rate("bailiwick_policy_loads_total", ["layer", "outcome"]),
          "pull {{layer}} {{outcome}}": rate("bailiwick_policy_pulls_total", ["layer", "outcome"]),
        },
      },
      {
        title: "Calls without a live policy",
        unit: "reqps",
        queries: { refused: rate("bailiwick_policy_unavailable_total") },
      },
      {
        title: "Money a second",
        unit: "currencyUSD",
        queries: {
          held: `${rate("bailiwick_budget_reserved_nusd_total")} ${NUSD}`,
          "charged (estimated: {{estimated}})": `${rate("bailiwick_budget_settled_nusd_total", ["estimated"])} ${NUSD}`,
        },
      },
      {
        title: "Budgets",
        unit: "reqps",
        queries: {
          "refused: {{reason}}": rate("bailiwick_budget_refusals_total", ["reason"]),
          warned: rate("bailiwick_budget_warnings_total"),
        },
      },
      {
        title: "Settlements that could not be written",
        unit: "reqps",
        queries: { failed: rate("bailiwick_settle_failures_total") },
      },
      {
        title: "Entries of ledgers that are not published yet",
        unit: "short",
        queries: { entries: total("bailiwick_ledger_unpublished_entries") },
      },
      {
        title: "Ledgers that are halted",
        unit: "short",
        queries: { "{{object}}": total("bailiwick_ledger_halted", ["object"]) },
      },
      {
        title: "Approved runs",
        unit: "reqps",
        queries: { "{{outcome}}": rate("bailiwick_approvals_total", ["outcome"]) },
      },
      {
        title: "Webhooks and callbacks",
        unit: "reqps",
        queries: {
          "webhook {{outcome}}": rate("bailiwick_webhooks_total", ["outcome"]),
          "callback {{outcome}}": rate("bailiwick_callbacks_total", ["outcome"]),
        },
      },
    ],
  },
  {
    uid: "bailiwick-pools",
    title: "Bailiwick: pools and queues",
    panels: [
      {
        title: "Jobs that wait",
        unit: "short",
        queries: { "{{pool}} {{class}}": most("bailiwick_queue_depth", ["pool", "class"]) },
      },
      {
        title: "Age of the oldest job",
        unit: "s",
        queries: { "{{pool}} {{class}}": most("bailiwick_queue_age_seconds", ["pool", "class"]) },
      },
      {
        title: "Dead letters",
        unit: "short",
        queries: { "{{pool}} {{class}}": most("bailiwick_dead_letters", ["pool", "class"]) },
      },
      { title: "Workers", unit: "short", queries: { "{{pool}}": most("bailiwick_pool_workers", ["pool"]) } },
      {
        title: "Share of a pool in use",
        unit: "percentunit",
        queries: {
          "{{pool}}": `${most("bailiwick_pool_running", ["pool"])} / ${most("bailiwick_pool_capacity", ["pool"])}`,
        },
      },
      {
        title: "Jobs by how they ended",
        unit: "reqps",
        queries: { "{{class}} {{outcome}}": rate("bailiwick_worker_jobs_total", ["class", "outcome"]) },
      },
      {
        title: "Leases by how they ended",
        unit: "reqps",
        queries: { "{{pool}} {{outcome}}": rate("bailiwick_leases_total", ["pool", "outcome"]) },
      },
      { title: "Jobs in hand", unit: "short", queries: { jobs: total("bailiwick_worker_jobs_active") } },
      {
        title: "Workers with a connection and a ready engine",
        unit: "short",
        queries: {
          connected: total("bailiwick_worker_connected"),
          "engine ready": total("bailiwick_worker_engine_ready"),
        },
      },
      {
        title: "Inside of engines",
        unit: "short",
        queries: {
          running: total("bailiwick_worker_engine_running"),
          waiting: total("bailiwick_worker_engine_waiting"),
        },
      },
      {
        title: "Engine's cache in use",
        unit: "percentunit",
        queries: { "{{instance}}": most("bailiwick_worker_engine_cache_usage", ["instance"]) },
      },
      {
        title: "Kept until settled",
        unit: "bytes",
        queries: { "{{instance}}": most("bailiwick_worker_held_bytes", ["instance"]) },
      },
      {
        title: "Receives that the queue did not answer",
        unit: "reqps",
        queries: { "{{class}}": rate("bailiwick_worker_receive_failures_total", ["class"]) },
      },
    ],
  },
  {
    uid: "bailiwick-entry",
    title: "Bailiwick: the global entry",
    panels: [
      {
        title: "Calls by what became of them",
        unit: "reqps",
        queries: { "{{outcome}}": rate("bailiwick_entry_requests_total", ["outcome"]) },
      },
      {
        title: "Calls by home cell",
        unit: "reqps",
        queries: { "{{home}}": rate("bailiwick_entry_requests_total", ["home"]) },
      },
      {
        title: "Calls by status",
        unit: "reqps",
        queries: {
          "{{http_response_status_code}}": rate("bailiwick_entry_requests_total", ["http_response_status_code"]),
        },
      },
      {
        title: "Calls that their cell did not answer",
        unit: "reqps",
        queries: { "{{home}} {{kind}}": rate("bailiwick_entry_unreachable_total", ["home", "kind"]) },
      },
      { title: "What the entry adds to a call", unit: "s", queries: quantiles("bailiwick_entry_added_seconds") },
      {
        title: "Until a cell's answer begins, p95",
        unit: "s",
        queries: { "{{home}}": quantile(0.95, "bailiwick_entry_cell_seconds", ["home"]) },
      },
      {
        title: "Being passed on",
        unit: "short",
        queries: {
          "answers of {{home}}": total("bailiwick_entry_answers_active", ["home"]),
          "sockets of {{home}}": total("bailiwick_entry_sockets", ["home"]),
        },
      },
      {
        title: "The directory in force: its version",
        unit: "short",
        queries: { "{{instance}}": most("bailiwick_entry_directory_version", ["instance"]) },
      },
      {
        title: "The directory in force: age, and what is left",
        unit: "s",
        queries: {
          "age at {{instance}}": most("bailiwick_entry_directory_age_seconds", ["instance"]),
          "left at {{instance}}": most("bailiwick_entry_directory_left_seconds", ["instance"]),
        },
      },
    ],
  },
];
