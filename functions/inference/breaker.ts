import type { UnixMs } from "../../shared/contracts/ids.ts";
import type { Clock } from "../../shared/contracts/ports/clock.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";

/**
 * closed ──failures in a row──▶ open ──cooldown──▶ half_open ──probe succeeds──▶ closed
 *                                 ▲                    │
 *                                 └────probe fails─────┘
 */
export type BreakerState = "closed" | "open" | "half_open";
export interface BreakerConfig {
  failures: number;
  cooldown_ms: number;
}

/** Leave to try one engine once. Exactly one of its methods counts; later calls change nothing. */
export interface Permit {
  /** The engine answered. */
  succeed(): void;
  /** The engine failed as an engine: unreachable, overloaded, timed out, broke the protocol. */
  fail(): void;
  /** Nothing was learnt: the caller left, or the request itself was wrong. */
  release(): void;
}

interface Row {
  config: BreakerConfig;
  failures: number;
  openedMs: UnixMs | null;
  /** When the one probe of a half-open breaker began; a probe that never reported back is given up after a cooldown. */
  probeMs: UnixMs | null;
  /** Counts openings and closings: a permit from before the last one says nothing about now. */
  era: number;
}

/** One circuit breaker per engine, in this isolate. Half-open lets one single probe through. */
export class Breakers {
  readonly #clock: Clock;
  readonly #rows = new Map<string, Row>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `half_open` while a probe may go, `open` while it runs or the cooldown lasts. Reading changes nothing. */
  state(engine: string): BreakerState {
    const row = this.#rows.get(engine);
    if (!row || row.openedMs === null) return "closed";
    const now = this.#clock.now();
    if (now - row.openedMs < row.config.cooldown_ms) return "open";
    return row.probeMs === null || now - row.probeMs >= row.config.cooldown_ms ? "half_open" : "open";
  }

  /** Leave to call the engine now, or how long to stay away. `config` is the snapshot's and takes effect at once. */
  acquire(engine: string, config: BreakerConfig): Result<Permit, { reason: "breaker_open"; retry_after_ms: number }> {
    const row = this.#row(engine, config);
    const now = this.#clock.now();
    const state = this.state(engine);
    if (state === "open") {
      const since = row.probeMs ?? row.openedMs ?? now;
      return err({ reason: "breaker_open", retry_after_ms: Math.max(1, since + config.cooldown_ms - now) });
    }
    const probing = state === "half_open";
    if (probing) row.probeMs = now;
    return ok(this.#permit(row, probing ? now : null));
  }

  /** For gauges: every engine that was asked for. */
  states(): { engine: string; state: BreakerState; failures: number }[] {
    return [...this.#rows].map(([engine, { failures }]) => ({ engine, state: this.state(engine), failures }));
  }

  /** Forgets engines that the configuration no longer has. */
  retain(engines: ReadonlySet<string>): void {
    for (const engine of this.#rows.keys()) if (!engines.has(engine)) this.#rows.delete(engine);
  }

  #row(engine: string, config: BreakerConfig): Row {
    const row = this.#rows.get(engine) ?? { config, failures: 0, openedMs: null, probeMs: null, era: 0 };
    row.config = config;
    this.#rows.set(engine, row);
    return row;
  }

  #permit(row: Row, probeMs: UnixMs | null): Permit {
    const { era } = row;
    let used = false;
    /** Once, and only if the breaker has not turned since; a probe only while it is still the one that counts. */
    const once = (act: () => void) => () => {
      if (used) return;
      used = true;
      if (row.era === era && row.probeMs === probeMs) act();
    };
    return {
      succeed: once(() => {
        if (row.openedMs !== null) row.era++;
        row.failures = 0;
        row.openedMs = null;
        row.probeMs = null;
      }),
      fail: once(() => {
        row.failures++;
        if (row.openedMs === null && row.failures < row.config.failures) return;
        row.era++;
        row.openedMs = this.#clock.now();
        row.probeMs = null;
      }),
      release: once(() => {
        row.probeMs = null;
      }),
    };
  }
}
