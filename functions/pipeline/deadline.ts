import type { Decision } from "../../shared/contracts/decision.ts";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Incoming } from "../context.ts";
import { ProblemError } from "../problem.ts";

/** When the call must be over: `x-bailiwick-deadline-ms` from receipt, or the default; bounded either way. */
export function deadlineOf(incoming: Incoming): UnixMs {
  const asked = incoming.headers.get("x-bailiwick-deadline-ms");
  if (asked !== null && (!/^\d{1,9}$/.test(asked) || Number(asked) < 1 || Number(asked) > LIMITS.deadlineMsMax))
    throw new ProblemError("invalid-request", {
      detail: `A deadline is 1 to ${LIMITS.deadlineMsMax} milliseconds.`,
      param: "x-bailiwick-deadline-ms",
    });
  return (incoming.receivedMs + (asked === null ? LIMITS.deadlineMsDefault : Number(asked))) as UnixMs; // safe because: milliseconds plus milliseconds
}

/** The deadline of a call under what was decided about it: policy may shorten it, counted from receipt, never prolong it. */
export function deadlineUnder(
  { limits }: Pick<Decision, "limits">,
  { deadline, receivedMs }: { deadline: UnixMs; receivedMs: UnixMs },
): UnixMs {
  const most = limits?.latency_ms_max;
  return most === undefined ? deadline : (Math.min(deadline, receivedMs + most) as UnixMs); // safe because: milliseconds plus milliseconds
}
