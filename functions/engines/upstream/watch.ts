import { EngineError } from "../../../shared/contracts/ports/engine.ts";
import { type CallOff, timers } from "../../../shared/timing/timers.ts";

/** The idle time is cut into this many ticks, so a stall is noticed after 1 to 1.25 × the idle time. */
const TICKS = 4;

/** Time limits of one call, in milliseconds. */
export interface WatchLimits {
  firstByteMs: number;
  idleMs: number;
}

/**
 * Cancellation and time limits of one call: the caller's signal, a limit to the first byte, then an idle limit that
 * counts only while a read is waiting, so that a slow reader is never taken for a stalled engine. One timer serves both
 * limits, made once in a call that is short; none outlives `done`.
 */
export class Watch {
  /** Aborts the upstream exchange; never with a reason that leaves the engine. */
  readonly signal: AbortSignal;
  /** Set by whoever reads the body: stops a pending read. */
  onStop: (() => void) | null = null;
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal;
  readonly #cancel = (): void => this.stop("canceled");
  readonly #tickMs: number;
  #why: "canceled" | "timeout" | null = null;
  #callOff: CallOff | null = null;
  /** What is left of the limit to the first byte when the timer fires; null once that byte came. */
  #firstLeftMs: number | null;
  #waiting = false;
  #ticks = 0;

  constructor(outer: AbortSignal, { firstByteMs, idleMs }: WatchLimits) {
    this.signal = this.#controller.signal;
    this.#outer = outer;
    this.#tickMs = Math.max(1, Math.ceil(idleMs / TICKS));
    this.#firstLeftMs = firstByteMs;
    this.#arm();
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
  firstByte(): void {
    this.#firstLeftMs = null;
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

  /** Clears timer and listener. */
  done(): void {
    this.#callOff?.();
    this.#callOff = null;
    this.#outer.removeEventListener("abort", this.#cancel);
  }

  #arm(): void {
    const waitMs = Math.min(this.#firstLeftMs ?? this.#tickMs, this.#tickMs);
    if (this.#firstLeftMs !== null) this.#firstLeftMs -= waitMs;
    this.#callOff = timers().after(waitMs, () => this.#tick());
  }

  #tick(): void {
    const late = this.#firstLeftMs === null ? this.#stalled() : this.#firstLeftMs <= 0;
    if (late) this.stop("timeout");
    else this.#arm();
  }

  /** The first tick may fall just after the read began, so one more than TICKS has to pass. */
  #stalled(): boolean {
    return this.#waiting && ++this.#ticks > TICKS;
  }
}
