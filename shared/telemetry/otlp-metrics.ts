import { LIMITS } from "../contracts/limits.ts";
import type { Clock } from "../contracts/ports/clock.ts";
import type { ConnectMetrics, MetricDrop, MetricExporter } from "./metric-exporter.ts";
import type { Family } from "./metric-registry.ts";
import type { OtlpOptions } from "./otlp.ts";
import { otlpMetrics } from "./otlp-metrics-json.ts";
import { type Collector, deliver, signalUrl } from "./otlp-post.ts";

export interface OtlpMetricsOptions extends OtlpOptions {
  clock: Clock;
  /** Between two exports. */
  everyMs: number;
}

class OtlpMetrics implements MetricExporter {
  readonly #options: OtlpMetricsOptions;
  readonly #collector: Collector;
  readonly #read: () => Iterable<Family>;
  readonly #dropped: (reason: MetricDrop, points: number) => void;
  readonly #startMs: number;
  #dueMs: number;
  #sending: Promise<void> | null = null;

  constructor(
    options: OtlpMetricsOptions,
    read: () => Iterable<Family>,
    dropped: (reason: MetricDrop, points: number) => void,
  ) {
    this.#options = options;
    this.#collector = { url: signalUrl(options.endpoint, "metrics"), headers: options.headers, fetch: options.fetch };
    this.#read = read;
    this.#dropped = dropped;
    this.#startMs = options.clock.now();
    this.#dueMs = this.#startMs + options.everyMs;
    this.#arm();
  }

  async flush(timeoutMs: number): Promise<void> {
    const { timer, clock } = this.#options;
    // Where timers end with their request, requests flush often: the interval holds there too.
    if (!timer.later && clock.now() < this.#dueMs) return;
    const signal = AbortSignal.timeout(timeoutMs);
    const over = new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    const last = (async () => {
      await this.#sending;
      await this.#send(signal);
    })();
    await Promise.race([last, over]);
  }

  /** One sender at a time: while the collector is away intervals pass, and the next state says all that was missed. */
  #arm(): void {
    this.#options.timer.later?.(this.#options.everyMs, () => {
      this.#sending ??= this.#send(new AbortController().signal).finally(() => {
        this.#sending = null;
      });
      this.#arm();
    });
  }

  async #send(signal: AbortSignal): Promise<void> {
    const { resource, scope, timer, clock, everyMs } = this.#options;
    this.#dueMs = clock.now() + everyMs;
    for (const families of batches(this.#read())) {
      const points = families.reduce((sum, { series }) => sum + series.length, 0);
      const body = JSON.stringify(
        otlpMetrics(resource, scope, families, { startMs: this.#startMs, atMs: clock.now() }),
      );
      const outcome = await deliver(this.#collector, body, timer, signal);
      if ("lost" in outcome) this.#dropped(outcome.lost, points);
      else if (outcome.rejected > 0) this.#dropped("refused", outcome.rejected);
    }
  }
}

/** Whole metrics, together until they have the points of one request; those without a sample are left out. */
function* batches(all: Iterable<Family>): Generator<Family[]> {
  let batch: Family[] = [];
  let points = 0;
  for (const family of all) {
    const more = family.series.length;
    if (more === 0) continue;
    if (batch.length > 0 && points + more > LIMITS.metricPointsBatchMax) {
      yield batch;
      batch = [];
      points = 0;
    }
    batch.push(family);
    points += more;
  }
  if (batch.length > 0) yield batch;
}

/**
 * The registry over OTLP/HTTP in JSON, through the cell's own egress: cumulative sums since the process began, every
 * `everyMs`. Bounded requests, retries as for spans; what is not taken in is told to the listener, never thrown.
 */
export const otlpMetricExporter =
  (options: OtlpMetricsOptions): ConnectMetrics =>
  (read, dropped) =>
    new OtlpMetrics(options, read, dropped);
