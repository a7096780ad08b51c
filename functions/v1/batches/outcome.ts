import type { TaskId } from "../../../shared/contracts/ids.ts";
import type { BatchUsage } from "../../../shared/contracts/ports/batch-store.ts";
import { PROBLEMS, type ProblemSlug } from "../../../shared/contracts/problems.ts";
import type { Deps } from "../../context.ts";
import { readLog } from "../../detached/read-log.ts";
import { concat } from "../../inference/result-keeper.ts";
import type { Sealing } from "../files/content.ts";

/** How a line ended, as a line of the output or error file. */
export interface Outcome {
  ok: boolean;
  text: string;
  usage: BatchUsage;
}

/** What the task of a line answered. */
export interface LineAnswer {
  status: number;
  body: unknown;
  retryAfterMs: number | null;
}

export const NO_USAGE: BatchUsage = { input_tokens: 0, cached_tokens: 0, output_tokens: 0, reasoning_tokens: 0 };

/** The task's answer, once it has ended; null when its log was forgotten. Rejects when the log broke off under way, or was left by `close`. */
export async function answerOf(
  deps: Pick<Deps, "tasks">,
  { tenant, dataKey }: Sealing,
  task: TaskId,
  closing: (close: () => void) => void,
): Promise<LineAnswer | null> {
  const leaving = new AbortController();
  const log = await readLog(deps, dataKey, tenant, task, 0, leaving.signal);
  if (!log.ok) {
    if (log.error.reason === "too_many") throw new Error("too many watch the task");
    return null;
  }
  closing(() => leaving.abort());
  const parts: Uint8Array[] = [];
  let size = 0;
  let head: LineAnswer | null = null;
  for await (const event of log.value) {
    if (event.kind === "head") {
      const ms = Number(event.head.headers["retry-after-ms"] ?? Number.NaN);
      head = { status: event.head.status, body: null, retryAfterMs: Number.isFinite(ms) ? ms : null };
    } else if (event.kind === "frame") {
      parts.push(event.frame);
      size += event.frame.byteLength;
    } else if (head === null || event.end === "failed") return unknownOutcome();
    else return readAnswer(head, concat(parts, size));
  }
  throw new Error(`the log of ${task} broke off`);
}

/** A line of the output holds JSON: what is none was answered, and nobody can say what. */
function readAnswer(head: LineAnswer, bytes: Uint8Array): LineAnswer {
  try {
    return { ...head, body: JSON.parse(new TextDecoder().decode(bytes)) };
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    return unknownOutcome();
  }
}

const unknownOutcome = (): LineAnswer => {
  const { status, title, type, code } = PROBLEMS["outcome-unknown"];
  return { status, body: { error: { message: title, type, param: null, code } }, retryAfterMs: null };
};

/** Nothing was decided, admitted or done, or no engine took the call: the line may be asked again. */
const TURNED_AWAY: ReadonlySet<string> = new Set(
  (
    [
      "rate-limited",
      "throttled",
      "overloaded",
      "engine-overloaded",
      "no-route",
      "pool-unavailable",
      "pool-overloaded",
      "policy-unavailable",
      "store-unavailable",
      "draining",
    ] as const satisfies readonly ProblemSlug[]
  ).map((slug) => PROBLEMS[slug].code),
);

/** After how long a line that was turned away may be asked again; null when its answer is its last. */
export function retryAfter(answer: LineAnswer, msMin: number): number | null {
  if (answer.status !== 429 && answer.status !== 503) return null;
  const code = memberOf(memberOf(answer.body, "error"), "code");
  return typeof code === "string" && TURNED_AWAY.has(code) ? Math.max(msMin, answer.retryAfterMs ?? 0) : null;
}

export function outcomeOf(task: TaskId, customId: string, { status, body }: LineAnswer): Outcome {
  const ok = status < 400;
  const response = { status_code: status, request_id: task, body };
  const text = JSON.stringify({ id: requestOf(task), custom_id: customId, response, error: null });
  return { ok, text, usage: ok ? usageOf(memberOf(body, "usage")) : NO_USAGE };
}

const UNRUN = {
  batch_expired: "This request could not be executed before the completion window expired.",
  batch_cancelled: "This request was not executed, because the batch was cancelled.",
} as const;

/** Of a line that was never asked, or was stopped. */
export function unrunOutcome(task: TaskId, customId: string, code: keyof typeof UNRUN): Outcome {
  const error = { code, message: UNRUN[code] };
  const text = JSON.stringify({ id: requestOf(task), custom_id: customId, response: null, error });
  return { ok: false, text, usage: NO_USAGE };
}

const requestOf = (task: TaskId): string => `batch_req_${task.slice("task_".length)}`;

function memberOf(of: unknown, name: string): unknown {
  // safe because: an object, whose members may be anything
  return typeof of === "object" && of !== null ? (of as Record<string, unknown>)[name] : undefined;
}

/** Of chat, completions and embeddings, or of responses. */
function usageOf(usage: unknown): BatchUsage {
  const count = (of: unknown, ...names: string[]): number => {
    const found = names.map((name) => memberOf(of, name)).find((one) => typeof one === "number");
    return typeof found === "number" && Number.isSafeInteger(found) && found >= 0 ? found : 0;
  };
  const input = memberOf(usage, "prompt_tokens_details") ?? memberOf(usage, "input_tokens_details");
  const output = memberOf(usage, "completion_tokens_details") ?? memberOf(usage, "output_tokens_details");
  return {
    input_tokens: count(usage, "prompt_tokens", "input_tokens"),
    cached_tokens: count(input, "cached_tokens"),
    output_tokens: count(usage, "completion_tokens", "output_tokens"),
    reasoning_tokens: count(output, "reasoning_tokens"),
  };
}
