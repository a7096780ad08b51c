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
  const timer = setTimeout(
    () => stop(new ProblemError("deadline-exceeded")),
    Math.max(0, call.deadline - deps.clock.now()),
  );
  const stopper: Stopper = {
    abort,
    get problem() {
      return problem;
    },
    onStop: () => {},
    release() {
      clearTimeout(timer);
      call.runtime.disconnected.removeEventListener("abort", left);
      deps.lifecycle.expired.removeEventListener("abort", expired);
    },
  };
  call.runtime.disconnected.addEventListener("abort", left, { once: true });
  deps.lifecycle.expired.addEventListener("abort", expired, { once: true });
  if (call.runtime.disconnected.aborted) left();
  return stopper;
}
