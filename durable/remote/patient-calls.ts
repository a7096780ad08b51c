import { LIMITS } from "../../shared/contracts/limits.ts";
import { awayError, errorOf } from "./faults.ts";
import { VersionRefused } from "./http-protocol.ts";
import type { CallOutcome, ObjectCall, StreamOutcome } from "./object-call.ts";
import { isRemoteClass, type MethodKind, methodKind, type RemoteClassName } from "./remote-ports.ts";

/** Time as callers wait in it. */
export interface Patience {
  nowMs(): number;
  pause(ms: number): Promise<void>;
  /** How long a call is made again before its caller is told; `LIMITS.remoteWaitMsMax` where nothing else is said. */
  waitMsMax?: number;
  /** What no waiting mends; nothing where nothing is said: whatever is wrong while a cell runs may be put right. */
  hopeless?(cause: unknown): boolean;
}

type Ended = Exclude<CallOutcome | StreamOutcome, { kind: "answer" | "stream" }>;

/**
 * Whether making the call again can do no harm: it did not run, or its repetition is one of its port's. An unpromised
 * failure is an answer, however it came about.
 */
export function mayRepeat(kind: MethodKind, ended: Ended): boolean {
  if (ended.kind === "lost" && ended.cause instanceof VersionRefused) return false;
  if (ended.kind === "fault") return !ended.ran && kind !== "upload";
  // Bytes behind a call are gone with its first try.
  if (kind === "upload") return false;
  return ended.ran === "no" || kind !== "once";
}

/**
 * Makes a call until it is answered, for as long as its repetition is safe and patience lasts: objects that restart are
 * waited for. Rejects with what the call's port promises, and then nothing is known about it.
 */
export async function patiently<O extends CallOutcome | StreamOutcome>(
  call: Pick<ObjectCall, "of" | "method">,
  attempt: () => Promise<O>,
  { nowMs, pause, waitMsMax = LIMITS.remoteWaitMsMax, hopeless = () => false }: Patience,
): Promise<Exclude<O, Ended>> {
  const [of, kind] = known(call);
  const until = nowMs() + waitMsMax;
  for (let delay: number = LIMITS.remoteRetryMsMin; ; delay = Math.min(2 * delay, LIMITS.remoteRetryMsMax)) {
    const outcome = await attempt();
    if (outcome.kind === "answer" || outcome.kind === "stream") return outcome as Exclude<O, Ended>; // safe because: the others are handled below
    const over = outcome.kind === "lost" && hopeless(outcome.cause);
    if (over || !mayRepeat(kind, outcome) || nowMs() + delay > until)
      throw outcome.kind === "fault" ? errorOf(outcome.fault) : awayError(of, outcome.cause);
    await pause(delay);
  }
}

function known({ of, method }: Pick<ObjectCall, "of" | "method">): [RemoteClassName, MethodKind] {
  const kind = methodKind(of, method);
  if (kind === null || !isRemoteClass(of)) throw new TypeError(`no port has ${of}.${method}`);
  return [of, kind];
}
