import { z } from "zod";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Clock, Ids } from "../../shared/contracts/ports/clock.ts";
import type { Egress } from "../../shared/contracts/ports/egress.ts";
import type { TelemetryOptions } from "../../shared/telemetry/create-telemetry.ts";
import type { ExportTimer } from "../../shared/telemetry/export-timer.ts";
import { otlpExporter } from "../../shared/telemetry/otlp.ts";
import { otlpMetricExporter } from "../../shared/telemetry/otlp-metrics.ts";

/** OpenTelemetry's own variables: where to, and how often metrics go there; an interval of 0 sends none. */
export const OTLP_VARIABLES = {
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url().optional(),
  OTEL_METRIC_EXPORT_INTERVAL: z.coerce
    .number()
    .int()
    .refine((ms) => ms === 0 || (ms >= LIMITS.metricExportMsMin && ms <= LIMITS.metricExportMsMax))
    .default(LIMITS.metricExportMsDefault),
};

interface OtlpParts {
  /** The cell itself unless another part of the deployment is named. */
  service?: string;
  version: string;
  cell: string;
  clock: Clock;
  ids: Ids;
  egress: Pick<Egress, "operatorFetch">;
  timer: ExportTimer;
}

/** Exporters of spans and metrics to the collector that the variables name; none without one. */
export function otlpExporters(
  env: { OTEL_EXPORTER_OTLP_ENDPOINT?: string | undefined; OTEL_METRIC_EXPORT_INTERVAL: number },
  parts: OtlpParts,
): Pick<TelemetryOptions, "exporter" | "metricExporter"> {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_METRIC_EXPORT_INTERVAL: everyMs } = env;
  if (endpoint === undefined) return { exporter: null };
  const { service = "bailiwick", version, cell, clock, ids, egress, timer } = parts;
  const options = {
    endpoint,
    headers: {},
    resource: {
      "service.name": service,
      "service.version": version,
      // Sums of two processes or isolates must not be taken for one that jumps.
      "service.instance.id": ids.base62(22),
      "bailiwick.cell": cell,
    },
    scope: { name: "bailiwick", version },
    fetch: egress.operatorFetch,
    timer,
  };
  return {
    exporter: otlpExporter(options),
    metricExporter: everyMs === 0 ? null : otlpMetricExporter({ ...options, clock, everyMs }),
  };
}
