import { LIMITS } from "../shared/contracts/limits.ts";
import type { Telemetry } from "../shared/contracts/ports/telemetry.ts";
import type { WorkerEngine, WorkerLoad } from "../shared/contracts/worker-protocol.ts";
import { pause } from "./backoff.ts";
import type { EngineLoad, LocalEngine } from "./engines/engine.ts";

export interface ReportOptions {
  engine: LocalEngine;
  concurrency: number;
  /** Jobs that this worker has in hand. */
  active: () => number;
  /** The load as it is now; called after each look at the engine. */
  told: (load: WorkerLoad) => void;
  /** The engine is ready, or is not any more. */
  changed: (ready: boolean) => void;
  telemetry: Telemetry;
}

/** How often a worker without a connection looks at its engine. */
const EVERY_MS_DEFAULT = 5_000;
const NOTHING: EngineLoad = { ready: false, running: null, waiting: 0, cache: null };

/** Looks at the engine again and again, and tells its load. An engine is described before it counts as ready. */
export class Report {
  readonly #options: ReportOptions;
  #described: WorkerEngine | null = null;
  #load: EngineLoad = NOTHING;
  #everyMs = EVERY_MS_DEFAULT;

  constructor(options: ReportOptions) {
    this.#options = options;
  }

  /** null until the engine told what it is. */
  get engine(): WorkerEngine | null {
    return this.#described;
  }
  get ready(): boolean {
    return this.#load.ready;
  }

  load(): WorkerLoad {
    const { ready, running, waiting } = this.#load;
    const { active, concurrency } = this.#options;
    return { ready, running: running ?? Math.max(0, active() - waiting), waiting, concurrency };
  }

  /** How often the cell wants to hear of it. */
  every(ms: number): void {
    this.#everyMs = Math.max(LIMITS.workerReconnectMsMin, ms);
  }

  /** Looks until `signal` aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#look(signal);
      if (signal.aborted) return;
      this.#options.told(this.load());
      await pause(this.#everyMs, signal);
    }
  }

  async #look(outer: AbortSignal): Promise<void> {
    const { engine, telemetry, changed } = this.#options;
    const signal = AbortSignal.any([outer, AbortSignal.timeout(LIMITS.workerProbeMsMax)]);
    const was = this.#load.ready;
    try {
      // A server that was away may have come back as another one.
      if (!was) this.#described = await engine.describe(signal);
      this.#load = await engine.load(signal);
    } catch (cause) {
      // While it starts this is what always happens; the log has it once a look, the gauge says the same.
      if (!outer.aborted) telemetry.log.error("worker.engine_not_ready", cause);
      this.#load = NOTHING;
    }
    const { ready, running, waiting, cache } = this.#load;
    telemetry.metrics.set("bailiwick_worker_engine_ready", {}, ready ? 1 : 0);
    telemetry.metrics.set("bailiwick_worker_engine_running", {}, running ?? this.#options.active());
    telemetry.metrics.set("bailiwick_worker_engine_waiting", {}, waiting);
    if (cache !== null) telemetry.metrics.set("bailiwick_worker_engine_cache_usage", {}, cache);
    if (ready !== was) changed(ready);
  }
}
