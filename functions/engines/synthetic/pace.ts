import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import { EngineError } from "../../../shared/contracts/ports/engine.ts";

/** Resolves after `ms`; throws `canceled` as soon as the signal aborts. The timer never outlives the wait. */
export function waitFor(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(new EngineError({ reason: "canceled" }));
      return;
    }
    const canceled = (): void => {
      clearTimeout(timer);
      reject(new EngineError({ reason: "canceled" }));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", canceled);
      resolve();
    }, ms);
    signal.addEventListener("abort", canceled, { once: true });
  });
}

/** Holds tokens to a rate. Due times count from the start, so waits that run late do not add up. 0 never waits. */
export class Pace {
  readonly #clock: Clock;
  readonly #perSecond: number;
  readonly #startMs: number;
  #tokens = 0;

  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#startMs = clock.now();
  }

  /** Waits until `count` more tokens are due. */
  async tokens(count: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw new EngineError({ reason: "canceled" });
    if (this.#perSecond <= 0) return;
    this.#tokens += count;
    const wait = this.#startMs + (this.#tokens * 1000) / this.#perSecond - this.#clock.now();
    if (wait >= 1) await waitFor(wait, signal);
  }
}
