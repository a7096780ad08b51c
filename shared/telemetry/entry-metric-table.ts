import { counter, gauge, HTTP_SECONDS, histogram, type MetricSpec } from "./metric-spec.ts";
import { METRICS } from "./metric-table.ts";

/** A look-up and a signature take a fraction of a millisecond; what is longer waited for the process. */
const ENTRY_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];

/** Every metric of a global entry, which has none of a cell's: a cell that showed these as 0 would look like a broken entry. */
export const ENTRY_METRICS = {
  bailiwick_entry_requests_total: counter("Calls by home cell and what became of them.", [
    "home",
    "outcome",
    "http_response_status_code",
  ]),
  bailiwick_entry_added_seconds: histogram(
    "What the entry itself took of a forwarded call, until its answer began.",
    "s",
    ["home"],
    ENTRY_SECONDS,
  ),
  bailiwick_entry_cell_seconds: histogram(
    "From sending a call on to the beginning of its cell's answer.",
    "s",
    ["home"],
    HTTP_SECONDS,
  ),
  bailiwick_entry_unreachable_total: counter("Calls that their home cell did not answer.", ["home", "kind"]),
  bailiwick_entry_answers_active: gauge("Answers of cells that are being passed on.", ["home"]),
  bailiwick_entry_sockets: gauge("Sockets that are joined with one of their cell.", ["home"]),
  bailiwick_entry_directory_version: gauge("The directory of cells in force; 0 while none is.", []),
  bailiwick_entry_directory_age_seconds: gauge("Since the directory in force was issued; 0 while none is.", [], "s"),
  bailiwick_entry_directory_left_seconds: gauge("Until the directory in force ends; 0 while none is.", [], "s"),
  bailiwick_build_info: METRICS.bailiwick_build_info,
  bailiwick_telemetry_dropped_total: METRICS.bailiwick_telemetry_dropped_total,
} as const satisfies Record<string, MetricSpec>;

export type EntryMetricName = keyof typeof ENTRY_METRICS;
