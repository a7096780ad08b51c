import type { JsonObject, JsonValue } from "../../shared/contracts/json.ts";
import { isJsonObject } from "../../shared/contracts/json.ts";
import type { Dialect } from "../../shared/contracts/ports/engine.ts";
import type { TaskStatus } from "../../shared/contracts/task.ts";
import { commitmentHex } from "../../shared/crypto/commitment.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import type { Deps } from "../context.ts";
import { readUsage } from "../dialects/meter.ts";
import { errorMember, ProblemError } from "../problem.ts";
import type { Reply } from "../v1/operation.ts";
import type { Delivery } from "./deliver.ts";
import { keepProblem } from "./result-keeper.ts";

const CONTENT_TYPE = "application/json";
const decoder = new TextDecoder("utf-8", { fatal: true });

/** The member without which an answer of a dialect is none. */
const ESSENTIAL: Readonly<Record<Dialect, string>> = {
  "openai.chat": "choices",
  "openai.completions": "choices",
  "openai.embeddings": "data",
  "oip.infer": "outputs",
  "openai.responses": "output",
  "anthropic.messages": "content",
};

/** A whole answer: parsed once for usage, translated if it must be, settled, and only then answered. */
export async function relayUnary(delivery: Delivery, raw: Uint8Array): Promise<Reply> {
  const { surface, dialect, translation, context, settlement, keeper, output, units } = delivery;
  const answer = parseAnswer(raw, dialect);
  const rows = units.length > 0 ? [...units] : (readUsage(dialect, answer)?.rows ?? null);
  let body = raw;
  let seen: JsonObject = answer;
  if (translation) {
    const translated = translation.answer(answer, context);
    if (!translated.ok) throw new ProblemError("upstream-failed", { detail: translated.error.detail });
    seen = translated.value;
    body = utf8(JSON.stringify(seen));
  } else if (surface === "openai.responses") {
    seen = { ...answer, ...context.extra, id: context.id };
    body = utf8(JSON.stringify(seen));
  }
  settlement.met = rows;
  if (output.redacts) {
    seen = output.whole(seen);
    body = utf8(JSON.stringify(seen));
  }
  output.settle(settlement.met, delivery.choices);
  if (delivery.onAnswer) await delivery.onAnswer(seen);
  keeper.add(body);
  const result = await keeper.store({ status: 200, contentType: CONTENT_TYPE, stream: false });
  await delivery.call.run?.settling({ status: 200, contentType: CONTENT_TYPE, body });
  await settlement.finish({
    status: "OK",
    error: null,
    usage: rows,
    result,
    detail: { response: commitmentHex(delivery.salt, body) },
  });
  return { kind: "bytes", status: 200, contentType: CONTENT_TYPE, body, headers: { "cache-control": "no-store" } };
}

function parseAnswer(raw: Uint8Array, dialect: Dialect): JsonObject {
  let parsed: JsonValue;
  try {
    parsed = JSON.parse(decoder.decode(raw)) as JsonValue; // safe because: JSON.parse gives JSON values
  } catch (cause) {
    throw new ProblemError("upstream-failed", { detail: "The engine's answer is not JSON." }, { cause });
  }
  if (!isJsonObject(parsed) || !Object.hasOwn(parsed, ESSENTIAL[dialect]))
    throw new ProblemError("upstream-failed", { detail: "The engine's answer is not one of its dialect." });
  return parsed;
}

/** Settles a call that failed after admission, keeping the problem for its key; the problem is then the answer. */
export async function settleFailure(
  deps: Deps,
  { settlement, keeper, call, shape }: Pick<Delivery, "settlement" | "keeper" | "call" | "shape">,
  problem: ProblemError,
): Promise<void> {
  deps.telemetry.metrics.count("bailiwick_refusals_total", { reason: problem.slug });
  if (settlement.finished) return;
  const { code, message } = errorMember(problem);
  const status = failedStatus(problem);
  const withheld = problem.slug === "obligation-failed" && settlement.ran;
  if (problem.slug === "obligation-failed" && problem.cause !== undefined)
    deps.telemetry.log.error("obligation.failed", problem.cause, { request: call.request, task: call.task });
  await settlement.finish({
    status,
    error: { code, message },
    // A whole answer is charged also when it cannot be given out: whoever made it is paid for it.
    usage: settlement.met ?? (withheld || status !== "ERROR" ? null : []),
    result: settlement.ran ? await keepProblem(keeper, problem, call, shape) : "not_run",
    detail: {},
  });
}

/** How a task ends that a problem ended. */
export function failedStatus({ slug }: ProblemError): TaskStatus {
  if (slug === "deadline-exceeded" || slug === "upstream-timeout") return "TIMEOUT";
  return slug === "canceled" ? "CANCELED" : "ERROR";
}
