export type Attributes = Record<string, string | number | boolean>;

export interface Span {
  /** W3C `traceparent` of this span, for propagation. */
  readonly traceparent: string;
  set(attributes: Attributes): void;
  /** Names it anew once its route is known, so that names stay few and hold nothing of the caller's. */
  rename(name: string): void;
  child(name: string, attributes?: Attributes): Span;
  end(status?: "ok" | "error"): void;
}

export interface Metrics {
  count(name: string, labels: Attributes, by?: number): void;
  gauge(name: string, labels: Attributes, delta: number): void;
  /** Sets a gauge; of an info metric it replaces every earlier label set. */
  set(name: string, labels: Attributes, value: number): void;
  /** Seconds, tokens or bytes into a histogram with the buckets its name is declared with. */
  observe(name: string, labels: Attributes, value: number): void;
}

/** One line per event; members named like secrets or content are refused by type and scrubbed by value. */
export interface Log {
  info(event: string, members?: Attributes): void;
  warn(event: string, members?: Attributes): void;
  error(event: string, cause: unknown, members?: Attributes): void;
}

export interface Telemetry {
  /** A request's root span; joins the caller's trace when `traceparent` is well-formed. */
  start(name: string, traceparent: string | null, attributes?: Attributes): Span;
  metrics: Metrics;
  log: Log;
  /** Runs `gauge` each time before metrics are read: for values that change as time passes, without a call. */
  beforeReading(gauge: () => void): void;
  /** Prometheus text exposition. */
  exposition(sums?: Readonly<Record<string, number>>): string;
  /** Counters and histograms of this isolate so far, by names that are the same in every isolate. They only rise. */
  sums(): ReadonlyMap<string, number>;
  /** The exposition of all isolates of the cell; absent where there is one. Never rejects. */
  summed?(): Promise<string>;
  /** Sends what is queued, within the given time. */
  flush(timeoutMs: number): Promise<void>;
}
