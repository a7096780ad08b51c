import { counter, gauge, HTTP_SECONDS, histogram, info, type MetricSpec } from "./metric-spec.ts";

export type { MetricSpec } from "./metric-spec.ts";

// Boundaries are those that the OpenTelemetry semantic conventions (GenAI) advise.
const GEN_AI_SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const FIRST_TOKEN_SECONDS = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const PER_TOKEN_SECONDS = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5];
/** Decisions take microseconds: 1, 2.5 and 5 of each power of ten. */
const POLICY_SECONDS = [-6, -5, -4, -3, -2].flatMap((power) => [1, 2.5, 5].map((first) => Number(`${first}e${power}`)));
const TOKENS = Array.from({ length: 14 }, (_, power) => 4 ** power);

const GEN_AI_LABELS = [
  "gen_ai_operation_name",
  "gen_ai_provider_name",
  "gen_ai_request_model",
  "gen_ai_response_model",
] as const;

/** Every metric of the cell; a name that is not here is not counted but shows in `bailiwick_telemetry_dropped_total`. */
export const METRICS = {
  http_server_request_duration_seconds: histogram(
    "From receiving a call to having its whole answer ready.",
    "s",
    ["http_request_method", "http_route", "http_response_status_code", "error_type"],
    HTTP_SECONDS,
  ),
  gen_ai_server_request_duration_seconds: histogram(
    "From receiving a model call to its settlement.",
    "s",
    [...GEN_AI_LABELS, "error_type"],
    GEN_AI_SECONDS,
  ),
  gen_ai_server_time_to_first_token_seconds: histogram(
    "From receiving a streamed model call to its first delivered token.",
    "s",
    GEN_AI_LABELS,
    FIRST_TOKEN_SECONDS,
  ),
  gen_ai_server_time_per_output_token_seconds: histogram(
    "Time per output token after the first.",
    "s",
    GEN_AI_LABELS,
    PER_TOKEN_SECONDS,
  ),
  gen_ai_client_token_usage: histogram(
    "Tokens of one model call, by type.",
    "{token}",
    [...GEN_AI_LABELS, "gen_ai_token_type"],
    TOKENS,
  ),

  bailiwick_admissions_total: counter("Admission outcomes: admitted, replay, or why not.", ["outcome"]),
  bailiwick_refusals_total: counter("Refused calls by problem.", ["reason"]),
  bailiwick_approvals_total: counter("Runs of approved requests.", ["outcome"]),
  bailiwick_callbacks_total: counter("Looks at callbacks of tasks, by what became of each.", ["outcome", "reason"]),
  bailiwick_task_sockets: gauge("Open sockets that follow tasks.", []),
  bailiwick_webhooks_total: counter("Attempts to tell a tenant that a request waits for approval.", ["outcome"]),
  bailiwick_policy_unavailable_total: counter("Calls refused because policy could not be decided.", []),
  bailiwick_policy_decisions_total: counter("Decisions by verb: of each layer, and of both together.", [
    "layer",
    "decision",
  ]),
  bailiwick_policy_failures_total: counter("Evaluations that gave no answer, and so denied.", ["layer", "code"]),
  bailiwick_policy_evaluation_seconds: histogram("One evaluation of one layer.", "s", ["layer"], POLICY_SECONDS),
  bailiwick_policy_loads_total: counter("Statements and bundles read from their objects.", ["layer", "outcome"]),
  bailiwick_policy_pulls_total: counter("Bundles fetched from where the configuration says.", ["layer", "outcome"]),
  bailiwick_policy_freshness_age_seconds: gauge(
    "Age of the oldest statement that decided within the last minute; decisions end at 900.",
    ["layer"],
    "s",
  ),
  bailiwick_settle_failures_total: counter("Settlements that could not be written.", []),
  bailiwick_budget_refusals_total: counter("Calls refused by a hard budget or task cap.", ["reason"]),
  bailiwick_budget_warnings_total: counter("Calls admitted above a soft budget.", []),
  bailiwick_budget_reserved_nusd_total: counter("Nano-dollars held at admission.", [], "nUSD"),
  bailiwick_budget_settled_nusd_total: counter(
    "Nano-dollars charged at settlement; estimated: no usage was told.",
    ["estimated"],
    "nUSD",
  ),
  bailiwick_engine_attempts_total: counter("Tries at engines by outcome.", ["provider", "outcome"]),
  bailiwick_fallbacks_total: counter("Hops from a failed engine to the next.", ["from", "to", "reason"]),
  bailiwick_breaker_state: gauge("Circuit breaker: 0 closed, 1 half-open, 2 open.", ["provider"]),
  bailiwick_pool_workers: gauge("Connected workers of a pool, ready or not.", ["pool"]),
  bailiwick_pool_capacity: gauge("Tasks that the ready workers of a pool run at once.", ["pool"]),
  bailiwick_pool_running: gauge("Tasks that the ready workers of a pool run.", ["pool"]),
  bailiwick_leases_total: counter("Asks of workers for a task: settled, lost, or why the task was not given.", [
    "pool",
    "outcome",
  ]),
  bailiwick_queue_depth: gauge("Jobs that wait for a worker.", ["pool", "class"]),
  bailiwick_queue_age_seconds: gauge("Age of the oldest job that waits; SQS does not tell it.", ["pool", "class"], "s"),
  bailiwick_dead_letters: gauge("Jobs that were given up and wait for an operator.", ["pool", "class"]),
  bailiwick_edge_refusals_total: counter("Sends to the objects' port that no edge's word came with.", ["why"]),
  bailiwick_streams_active: gauge("Streams that are being delivered.", []),
  bailiwick_requests_active: gauge("Calls whose answer has not begun.", []),
  bailiwick_outbox_pending: gauge("Outbox rows that wait for delivery.", ["object"]),
  bailiwick_ledger_halted: gauge("Ledgers that sign nothing because archive and database disagree.", ["object"]),
  bailiwick_ledger_unpublished_entries: gauge("Ledger entries that no published checkpoint covers.", []),
  bailiwick_worker_jobs_total: counter("Jobs that a worker took from its queues, by how they ended.", [
    "class",
    "outcome",
  ]),
  bailiwick_worker_jobs_active: gauge("Jobs that a worker has in hand.", []),
  bailiwick_worker_receive_failures_total: counter("Receives that the queue did not answer.", ["class"]),
  bailiwick_worker_connected: gauge("1 while the worker's connection to its cell is up.", []),
  bailiwick_worker_held_bytes: gauge("Bytes of generations that a worker keeps until they are settled.", [], "By"),
  bailiwick_worker_engine_ready: gauge("1 while the worker's engine answers as ready.", []),
  bailiwick_worker_engine_running: gauge("Requests that the engine says it runs.", []),
  bailiwick_worker_engine_waiting: gauge("Requests that the engine says wait inside it.", []),
  bailiwick_worker_engine_cache_usage: gauge("Share of the engine's cache that is in use, 0 to 1.", []),
  bailiwick_dependency_degraded: gauge("1 while the cell does without a dependency.", ["dependency"]),
  bailiwick_config_info: info("The configuration snapshot in force.", ["digest"]),
  bailiwick_build_info: info("The running code.", ["release", "runtime"]),
  bailiwick_telemetry_dropped_total: counter(
    "Telemetry that was not kept: label sets past the bound, undeclared names, spans, points a collector did not take.",
    ["kind"],
  ),
} as const satisfies Record<string, MetricSpec>;

export type MetricName = keyof typeof METRICS;
