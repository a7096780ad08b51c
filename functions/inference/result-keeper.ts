import type { UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { PROBLEMS } from "../../shared/contracts/problems.ts";
import { seal } from "../../shared/crypto/seal.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import type { Call, Deps } from "../context.ts";
import { askedAgain } from "../pipeline/asked-again.ts";
import { isAway } from "../pipeline/problem-response.ts";
import { type ProblemError, type ProblemShape, problemDocument, problemHeaders } from "../problem.ts";
import { leavesOpen } from "./broken-run.ts";

/** Collects what a keyed call delivered, so that a repeat is answered with the same bytes and no second run. */
export interface ResultKeeper {
  add(bytes: Uint8Array): void;
  /** Forgets what was added: a failure is answered by its problem, not by what went before it. */
  reset(): void;
  /** Stores what was added; durable before it resolves. Answers what the settlement is to say. */
  store(head: { status: number; contentType: string; stream: boolean }): Promise<"stored" | "none" | "too_large">;
}

/** For calls without a key: nothing is collected and no object is touched. */
export const NO_KEEPER: ResultKeeper = { add: () => {}, reset: () => {}, store: async () => "none" };

export function resultKeeper(deps: Pick<Deps, "tasks" | "clock">, call: Call, dataKey: Uint8Array): ResultKeeper {
  let parts: Uint8Array[] = [];
  let size = 0;
  return {
    add(bytes) {
      size += bytes.byteLength;
      if (size <= LIMITS.keyedResultBytesMax) parts.push(bytes);
      else parts = [];
    },
    reset() {
      parts = [];
      size = 0;
    },
    async store({ status, contentType, stream }) {
      if (size > LIMITS.keyedResultBytesMax) return "too_large";
      await call.run?.confirm();
      const { tenant } = call.actor.scopes;
      const sealed = await seal(dataKey, { tenant, object: call.task }, concat(parts, size));
      const result = {
        status,
        content_type: contentType,
        stream,
        sealed,
        ...(call.run ? { fence: call.run.fence } : {}),
        expires_ms: (deps.clock.now() + LIMITS.idempotentResultMsMax) as UnixMs, // safe because: milliseconds plus milliseconds
      };
      // An engine's work is not given up for one write that failed.
      await askedAgain(() => deps.tasks.putResult(tenant, call.task, result));
      return "stored";
    },
  };
}

/**
 * Keeps a failure as its key's outcome: a repeat gets the same problem and no second run. Where the store does not take it
 * there is none, so that the task is settled all the same; of a worker's run that is left to the next one.
 */
export async function keepProblem(
  keeper: ResultKeeper,
  problem: ProblemError,
  call: Pick<Call, "request" | "run">,
  shape: ProblemShape,
): Promise<"stored" | "none" | "too_large"> {
  keeper.reset();
  keeper.add(utf8(JSON.stringify(problemDocument(problem, call.request, shape))));
  const contentType = problemHeaders(problem, shape)["content-type"] ?? "application/json";
  try {
    return await keeper.store({ status: PROBLEMS[problem.slug].status, contentType, stream: false });
  } catch (cause) {
    if (!isAway(cause) || leavesOpen(call, cause)) throw cause;
    return "none";
  }
}

export function concat(parts: readonly Uint8Array[], size: number): Uint8Array {
  const [only] = parts;
  if (parts.length === 1 && only) return only;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}
