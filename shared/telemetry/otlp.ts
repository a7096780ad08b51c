import { LIMITS } from "../contracts/limits.ts";
import type { ConnectExporter, FinishedSpan, SpanDrop, SpanExporter } from "../contracts/ports/span-exporter.ts";
import type { Attributes } from "../contracts/ports/telemetry.ts";
import type { ExportTimer } from "./export-timer.ts";
import { otlpTraces } from "./otlp-json.ts";
import { type Collector, deliver, signalUrl } from "./otlp-post.ts";
import type { Redacted } from "./redacted.ts";

export interface OtlpOptions {
  /** Base URL of an OTLP/HTTP collector in the cell's jurisdiction. */
  endpoint: string;
  headers: Readonly<Record<string, Redacted>>;
  /** `service.name` and what else names this process. */
  resource: Attributes;
  scope: { name: string; version: string };
  fetch: Collector["fetch"];
  timer: ExportTimer;
}

class OtlpExporter implements SpanExporter {
  readonly #options: OtlpOptions;
  readonly #collector: Collector;
  readonly #dropped: (reason: SpanDrop, spans: number) => void;
  #queue: FinishedSpan[] = [];
  #armed = false;
  #background: Promise<void> | null = null;

  constructor(options: OtlpOptions, dropped: (reason: SpanDrop, spans: number) => void) {
    this.#options = options;
    this.#collector = { url: signalUrl(options.endpoint, "traces"), headers: options.headers, fetch: options.fetch };
    this.#dropped = dropped;
  }

  export(span: FinishedSpan): void {
    if (this.#queue.length >= LIMITS.spanQueueMax) this.#dropped("queue_full", 1);
    else this.#queue.push(span);
    if (this.#queue.length >= LIMITS.spanBatchMax) this.#start();
    else this.#arm();
  }

  async flush(timeoutMs: number): Promise<void> {
    const signal = AbortSignal.timeout(timeoutMs);
    const over = new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    await Promise.race([Promise.all([this.#background, this.#drain(signal)]), over]);
  }

  #arm(): void {
    const { later } = this.#options.timer;
    if (!later || this.#armed) return;
    this.#armed = true;
    later(LIMITS.spanDelayMsMax, () => {
      this.#armed = false;
      this.#start();
    });
  }

  /** One sender in the background at a time: while the collector is away the queue fills and drops, nothing piles up. */
  #start(): void {
    if (!this.#options.timer.later) return;
    this.#background ??= this.#drain(new AbortController().signal).finally(() => {
      this.#background = null;
    });
  }

  async #drain(signal: AbortSignal): Promise<void> {
    while (this.#queue.length > 0 && !signal.aborted) {
      await this.#deliver(this.#queue.splice(0, LIMITS.spanBatchMax), signal);
    }
  }

  async #deliver(batch: readonly FinishedSpan[], signal: AbortSignal): Promise<void> {
    const { resource, scope, timer } = this.#options;
    const body = JSON.stringify(otlpTraces(resource, scope, batch));
    const outcome = await deliver(this.#collector, body, timer, signal);
    if ("lost" in outcome) this.#dropped(outcome.lost, batch.length);
    else if (outcome.rejected > 0) this.#dropped("refused", outcome.rejected);
  }
}

/**
 * Spans over OTLP/HTTP in JSON, through the cell's own egress. Bounded queue, batches, retries with backoff on the
 * statuses that OTLP names; what is lost is told to the listener, never thrown.
 */
export const otlpExporter =
  (options: OtlpOptions): ConnectExporter =>
  (dropped) =>
    new OtlpExporter(options, dropped);
