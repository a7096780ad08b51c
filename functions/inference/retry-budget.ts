import type { Clock } from "../../shared/contracts/ports/clock.ts";

const SLOT_MS = 10_000;
const SLOTS = 6;

interface Slot {
  at: number;
  calls: number;
  retries: number;
}

/**
 * Retries as a share of the calls of the last minute, per provider: when everything fails, retries stop adding load.
 * The minute moves in steps of ten seconds. Counts of this isolate only.
 */
export class RetryBudget {
  readonly #clock: Clock;
  readonly #providers = new Map<string, Slot[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts a first try. */
  called(provider: string): void {
    this.#slot(provider).calls++;
  }

  /** Takes one retry if the last minute leaves one: `max(min_per_minute, ratio × calls)`. */
  tryRetry(provider: string, config: { ratio: number; min_per_minute: number }): boolean {
    const slot = this.#slot(provider);
    let calls = 0;
    let retries = 0;
    for (const row of this.#providers.get(provider) ?? []) {
      calls += row.calls;
      retries += row.retries;
    }
    if (retries >= Math.max(config.min_per_minute, Math.floor(config.ratio * calls))) return false;
    slot.retries++;
    return true;
  }

  /** Forgets providers that the configuration no longer has. */
  retain(providers: ReadonlySet<string>): void {
    for (const provider of this.#providers.keys()) if (!providers.has(provider)) this.#providers.delete(provider);
  }

  /** The slot of now; slots older than a minute are dropped. */
  #slot(provider: string): Slot {
    const at = Math.floor(this.#clock.now() / SLOT_MS);
    const slots = (this.#providers.get(provider) ?? []).filter((slot) => slot.at > at - SLOTS);
    const last = slots.find((slot) => slot.at === at) ?? { at, calls: 0, retries: 0 };
    if (!slots.includes(last)) slots.push(last);
    this.#providers.set(provider, slots);
    return last;
  }
}
