import { timers } from "../../shared/timing/timers.ts";
import type { Call, Deps } from "../context.ts";
import { ProblemError } from "../problem.ts";

/** What may end a call early: its deadline, its caller leaving, or the end of draining. */
export interface Stopper {
  /** Stops the engine; its reason is the problem. */
  readonly abort: AbortController;
  readonly problem: ProblemError | null;
  /** Called once, when the call is stopped. */
  onStop: (problem: ProblemError) => void;
  release(): void;
}

/**
 * Where the runtime can be asked late whether a caller is still there, a call that is over sooner never asks, which saves a
 * twentieth of it: an engine goes on for so many milliseconds at most for somebody who left.
 */
const DISCONNECT_UNSEEN_MS = 100;

export function stopOn(deps: Pick<Deps, "clock" | "lifecycle">, call: Pick<Call, "deadline" | "runtime">): Stopper {
  const abort = new AbortController();
  let problem: ProblemError | null = null;
  const stop = (why: ProblemError) => {
    if (problem !== null) return;
    problem = why;
    abort.abort(why);
    stopper.onStop(why);
  };
  const left = () => stop(new ProblemError("canceled"));
  const expired = () => stop(new ProblemError("draining"));
  const leftMs = Math.max(0, call.deadline - deps.clock.now());
  const late = () => stop(new ProblemError("deadline-exceeded"));
  let watched = false;
  const watch = () => {
    watched = true;
    const { disconnected } = call.runtime;
    if (disconnected.aborted) return left();
    disconnected.addEventListener("abort", left, { once: true });
  };
  const waits = call.runtime.asksLate === true && leftMs > DISCONNECT_UNSEEN_MS;
  const later = () => {
    callOff = timers().after(leftMs - DISCONNECT_UNSEEN_MS, late);
    watch();
  };
  let callOff = waits ? timers().after(DISCONNECT_UNSEEN_MS, later) : timers().after(leftMs, late);
  const stopper: Stopper = {
    abort,
    get problem() {
      return problem;
    },
    onStop: () => {},
    release() {
      callOff();
      if (watched) call.runtime.disconnected.removeEventListener("abort", left);
      deps.lifecycle.expired.removeEventListener("abort", expired);
    },
  };
  deps.lifecycle.expired.addEventListener("abort", expired, { once: true });
  if (!waits) watch();
  return stopper;
}
