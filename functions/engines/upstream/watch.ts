import { EngineError } from "../../../shared/contracts/ports/engine.ts";

/** The idle time is cut into this many ticks, so a stall is noticed after 1 to 1.25 × the idle time. */
const TICKS = 4;

/**
 * Cancellation and time limits of one call: the caller's signal, a limit to the first byte, then an idle limit that
 * counts only while a read is waiting, so that a slow reader is never taken for a stalled engine. No timer outlives `done`.
 */
export class Watch {
  /** Aborts the upstream exchange; never with a reason that leaves the engine. */
  readonly signal: AbortSignal;
  /** Set by whoever reads the body: stops a pending read. */
  onStop: (() => void) | null = null;
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal;
  readonly #cancel = (): void => this.stop("canceled");
  #why: "canceled" | "timeout" | null = null;
  #first: ReturnType<typeof setTimeout> | null = null;
  #idle: ReturnType<typeof setInterval> | null = null;
  #waiting = false;
  #ticks = 0;

  constructor(outer: AbortSignal, firstByteMs: number) {
    this.signal = this.#controller.signal;
    this.#outer = outer;
    this.#first = setTimeout(() => this.stop("timeout"), firstByteMs);
    if (outer.aborted) this.stop("canceled");
    else outer.addEventListener("abort", this.#cancel, { once: true });
  }

  /** Ends the call early; the first reason wins. */
  stop(why: "canceled" | "timeout"): void {
    if (this.#why !== null) return;
    this.#why = why;
    this.done();
    this.#controller.abort();
    this.onStop?.();
  }

  /** The first byte came: from now on only stalls count. */
  firstByte(idleMs: number): void {
    if (this.#first === null || this.#why !== null) return;
    clearTimeout(this.#first);
    this.#first = null;
    this.#idle = setInterval(() => this.#tick(), Math.max(1, Math.ceil(idleMs / TICKS)));
  }

  /** Whether a read of the body is waiting. */
  reading(waiting: boolean): void {
    this.#waiting = waiting;
    this.#ticks = 0;
  }

  /** Throws why the call was stopped, if it was. */
  check(): void {
    if (this.#why !== null) throw new EngineError({ reason: this.#why });
  }

  /** Clears timers and listener. */
  done(): void {
    if (this.#first !== null) clearTimeout(this.#first);
    if (this.#idle !== null) clearInterval(this.#idle);
    this.#first = null;
    this.#idle = null;
    this.#outer.removeEventListener("abort", this.#cancel);
  }

  #tick(): void {
    if (!this.#waiting) return;
    this.#ticks++;
    // The first tick may fall just after the read began, so one more than TICKS has to pass.
    if (this.#ticks > TICKS) this.stop("timeout");
  }
}
