import { LIMITS } from "../../shared/contracts/limits.ts";

/** Of how long turns have taken, the newest counts so much. */
const NEWEST = 0.2;

/**
 * Whose events are on their way to a sink that all tenants of a process share: so many tenants at once, and everybody
 * else has an appointment. Half of the alarms of tenants at work may wait for a slow sink; the other half is there for
 * what needs none. Appointments follow one another as turns end, and whoever has none goes behind whoever has.
 */
export class FeedTurns {
  readonly #turnsMax: number;
  #taken = 0;
  /** Milliseconds that a turn takes, for the sink as a whole. */
  #paceMs = 1;
  #lastAppointmentMs = 0;
  readonly #appointments = new Map<string, number>();

  constructor(turnsMax: number = LIMITS.feedsAtOnceMax) {
    this.#turnsMax = turnsMax;
  }

  /** Null: the tenant has its turn until `leave`. Else when to ask again, in Unix milliseconds. */
  enter(tenant: string, nowMs: number): number | null {
    this.#forget(nowMs);
    const appointment = this.#appointments.get(tenant);
    const behindOthers = appointment === undefined && this.#lastAppointmentMs > nowMs;
    if (this.#taken < this.#turnsMax && !behindOthers) {
      this.#appointments.delete(tenant);
      this.#taken++;
      return null;
    }
    if (appointment !== undefined && appointment > nowMs) return appointment;
    const soonest = nowMs + LIMITS.outboxDelayMs;
    // Whoever kept an appointment for nothing asks again soon, before those behind.
    const next = appointment === undefined ? Math.max(this.#lastAppointmentMs + this.#paceMs, soonest) : soonest;
    const at_ms = Math.min(Math.ceil(next), nowMs + LIMITS.outboxRetryMsMax);
    if (appointment === undefined) this.#lastAppointmentMs = at_ms;
    this.#appointments.set(tenant, at_ms);
    return at_ms;
  }

  leave(): void {
    this.#taken--;
  }

  /** How long a turn took that brought everything to the sink; appointments follow one another at that pace. */
  took(tookMs: number): void {
    this.#paceMs += NEWEST * (Math.max(tookMs, 0) / this.#turnsMax - this.#paceMs);
  }

  /** Appointments that nobody came to: of tenants that are gone, or had nothing left. */
  #forget(nowMs: number): void {
    for (const [tenant, at_ms] of this.#appointments) {
      if (at_ms > nowMs - LIMITS.outboxRetryMsMax) return;
      this.#appointments.delete(tenant);
    }
  }
}
