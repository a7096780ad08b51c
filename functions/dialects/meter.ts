import type { JsonObject } from "../../shared/contracts/json.ts";
import type { Dialect, ReportedUsage } from "../../shared/contracts/ports/engine.ts";
import { chatFinish, type Finish, fromStopReason, INCOMPLETE } from "./finish.ts";
import { copyGiven, listOf, objectOf, textOf } from "./json-read.ts";
import { USAGE, usageRows } from "./usage.ts";

/** What an answer says about itself. `usage` is null when it told none, or not completely: then the bound is charged. */
export interface Metered {
  usage: ReportedUsage | null;
  model: string | null;
  finish: Finish | null;
}

/** Usage that a whole unary answer tells; null when it tells none, or not completely. */
export const readUsage = (dialect: Dialect, body: JsonObject): ReportedUsage | null =>
  reported(dialect, objectOf(body.usage), textOf(body.model));

/** Usage, model and finish of a whole unary answer. */
export function readAnswer(dialect: Dialect, body: JsonObject): Metered {
  const model = textOf(body.model);
  const finish = dialect === "openai.embeddings" || dialect === "oip.infer" ? "stop" : finishOf(dialect, body);
  return { usage: readUsage(dialect, body), model, finish };
}

function reported(dialect: Dialect, usage: JsonObject | null, model: string | null): ReportedUsage | null {
  const tokens = usage === null ? null : USAGE[dialect].read(usage);
  return tokens === null ? null : { rows: usageRows(tokens), model };
}

/** Finish of a whole answer or of one frame; null when it does not tell. */
function finishOf(dialect: Dialect, body: JsonObject): Finish | null {
  switch (dialect) {
    case "openai.chat":
    case "openai.completions":
    case "openai.embeddings":
    case "oip.infer": {
      for (const choice of listOf(body.choices)) {
        const reason = textOf(objectOf(choice)?.finish_reason);
        if (reason !== null) return chatFinish(reason);
      }
      return null;
    }
    case "openai.responses":
      return responseFinish(body);
    case "anthropic.messages": {
      const reason = textOf(body.stop_reason) ?? textOf(objectOf(body.delta)?.stop_reason);
      return reason === null ? null : fromStopReason(reason);
    }
  }
}

function responseFinish(response: JsonObject): Finish | null {
  if (response.status === "incomplete") {
    const reason = textOf(objectOf(response.incomplete_details)?.reason);
    return reason === INCOMPLETE.content_filter ? "content_filter" : "length";
  }
  if (response.status !== "completed") return null;
  return listOf(response.output).some((item) => objectOf(item)?.type === "function_call") ? "tool_calls" : "stop";
}

/** Gathers usage, model and finish from the notable and terminal frames of one stream. */
export class StreamMeter {
  readonly #dialect: Dialect;
  readonly #usage: JsonObject = {};
  #told = false;
  #model: string | null = null;
  #finish: Finish | null = null;

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
  }

  /** Reads one parsed frame of the engine's dialect. */
  see(frame: JsonObject): void {
    const holder = objectOf(frame.response) ?? objectOf(frame.message) ?? frame;
    this.#model = textOf(holder.model) || this.#model;
    this.#finish = finishOf(this.#dialect, holder) ?? this.#finish;
    const usage = objectOf(holder.usage);
    if (usage === null) return;
    copyGiven(usage, this.#usage, Object.keys(usage));
    // Anthropic tells input first and the whole in `message_delta`: the first alone is no report.
    this.#told ||= frame.type !== "message_start";
  }

  /** What is known by now. */
  read(): Metered {
    const usage = this.#told ? reported(this.#dialect, this.#usage, this.#model) : null;
    return { usage, model: this.#model, finish: this.#finish };
  }
}

/** A chat or completion chunk that carries usage and nothing else: dropped when the client did not ask for it. */
export const isUsageChunk = (frame: JsonObject): boolean =>
  objectOf(frame.usage) !== null && Array.isArray(frame.choices) && frame.choices.length === 0;
