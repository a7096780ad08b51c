import type { UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Clock } from "../../shared/contracts/ports/clock.ts";

/** Weight of the newest sample: about the last ten count. */
const ALPHA = 0.2;
/** A mean without samples for so long says nothing any more, and the candidate is tried again. */
const AGE_MS_MAX = 10 * 60_000;

/** Exponentially weighted mean time to the first byte, per candidate, in this isolate. */
export class Latencies {
  readonly #clock: Clock;
  readonly #means = new Map<string, { ms: number; at: UnixMs }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  observe(candidateId: string, ms: number): void {
    const before = this.get(candidateId);
    // Re-inserted, so that the map's order is by age and the oldest goes first.
    this.#means.delete(candidateId);
    this.#means.set(candidateId, { ms: before === null ? ms : before + ALPHA * (ms - before), at: this.#clock.now() });
    if (this.#means.size <= LIMITS.modelsMax) return;
    const [oldest] = this.#means.keys();
    if (oldest !== undefined) this.#means.delete(oldest);
  }

  /** null while unmeasured or stale. */
  get(candidateId: string): number | null {
    const mean = this.#means.get(candidateId);
    return mean === undefined || this.#clock.now() - mean.at > AGE_MS_MAX ? null : mean.ms;
  }
}
