import type { Family } from "./metric-registry.ts";

/** Why a state of the metrics was not taken in: the collector refused it, or could not be reached in time. */
export type MetricDrop = "refused" | "unreachable";

/** Tells a collector now and then what the metrics say. Never throws and never blocks a call. */
export interface MetricExporter {
  /** Sends the state of this moment, where it is due; resolves when it is sent, given up on, or the time is over. */
  flush(timeoutMs: number): Promise<void>;
}

/** Makes an exporter that reads the metrics by `read` and tells `dropped` how many points were not taken in. */
export type ConnectMetrics = (
  read: () => Iterable<Family>,
  dropped: (reason: MetricDrop, points: number) => void,
) => MetricExporter;
