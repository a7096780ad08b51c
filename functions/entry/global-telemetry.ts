import type { Clock, Ids } from "../../shared/contracts/ports/clock.ts";
import type { Telemetry } from "../../shared/contracts/ports/telemetry.ts";
import { createTelemetry } from "../../shared/telemetry/create-telemetry.ts";
import { ENTRY_METRICS } from "../../shared/telemetry/entry-metric-table.ts";
import type { ExportTimer } from "../../shared/telemetry/export-timer.ts";
import type { Unreachable } from "../cells/cell-unavailable.ts";
import type { DirectoryKeeper } from "../cells/directory-keeper.ts";
import type { WatchParts } from "../cells/entry-watch.ts";
import type { GlobalEnv } from "./global-env.ts";
import { logSink } from "./log-sink.ts";
import { otlpExporters } from "./otlp.ts";

const NAME = "bailiwick-entry";
const MS = 1_000;

interface Parts {
  release: string;
  clock: Clock;
  ids: Ids;
  timer: ExportTimer;
  fetch(url: string, init: RequestInit): Promise<Response>;
  write(line: string): void;
}

/** What an entry says of itself, on every platform: logs, metrics and spans without a path, a tenant or a credential. */
export function globalTelemetry(
  env: Pick<GlobalEnv, "BAILIWICK_LOG" | "OTEL_EXPORTER_OTLP_ENDPOINT" | "OTEL_METRIC_EXPORT_INTERVAL">,
  { release, clock, ids, timer, fetch, write }: Parts,
) {
  const [version = release] = release.split("+");
  const telemetry = createTelemetry({
    service: NAME,
    cell: "global",
    sink: logSink(env.BAILIWICK_LOG, write),
    table: ENTRY_METRICS,
    ...otlpExporters(env, {
      service: NAME,
      version,
      cell: "global",
      clock,
      ids,
      egress: { operatorFetch: fetch },
      timer,
    }),
    clock,
    ids,
    sample: { ratio: 1, followParent: true },
  });
  const { log, metrics } = telemetry;
  metrics.set("bailiwick_build_info", { release, runtime: navigator.userAgent }, 1);
  const watch: WatchParts = {
    telemetry,
    traced: env.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined,
    elapsedMs: () => performance.now(),
  };
  return {
    telemetry,
    watch,
    onFault(fault: string | null): void {
      if (fault === null) log.info("directory.good", {});
      else log.error("directory.refused", new Error(fault));
    },
    unreachable(cell: string, kind: Unreachable): void {
      log.warn("cell.unreachable", { cell, kind });
      metrics.count("bailiwick_entry_unreachable_total", { home: cell, kind });
    },
  };
}

/** What is in force changes as time passes, without a call. */
export function showDirectory(
  { beforeReading, metrics }: Pick<Telemetry, "beforeReading" | "metrics">,
  directory: Pick<DirectoryKeeper, "current">,
  clock: Clock,
): void {
  beforeReading(() => {
    const view = directory.current();
    const nowMs = clock.now();
    const seconds = (from: number, to: number) => Math.max(0, (to - from) / MS);
    metrics.set("bailiwick_entry_directory_version", {}, view?.version ?? 0);
    metrics.set("bailiwick_entry_directory_age_seconds", {}, view === null ? 0 : seconds(view.issuedMs, nowMs));
    metrics.set("bailiwick_entry_directory_left_seconds", {}, view === null ? 0 : seconds(nowMs, view.expiresMs));
  });
}
