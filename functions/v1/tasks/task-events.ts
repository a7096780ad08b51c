import { isJsonObject, type JsonObject, type JsonValue } from "../../../shared/contracts/json.ts";
import type { Dialect } from "../../../shared/contracts/ports/engine.ts";
import type { LogEnd, LogHead } from "../../../shared/contracts/ports/task-log.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import type { LogEvent } from "../../detached/read-log.ts";
import { DONE, SseFrame } from "../../dialects/sse-frame.ts";
import { concat } from "../../inference/result-keeper.ts";

/** One event of ours about a task. */
export interface TaskEventItem {
  name: "token" | "partial" | "done" | "error";
  id: number;
  data: JsonObject;
}

/** What ends the events of a task, asked for once its log has ended: its envelope, and whether it succeeded. */
export type Ending = () => Promise<{ ok: boolean; envelope: JsonObject }>;

/**
 * A task's log as events of ours, whatever surface its frames are of: `token` is text, `partial` anything else that was
 * made, and `done` or `error` the end. `id` is the frame's number, so that the same log always gives the same bytes and a
 * reader goes on behind the last one it has.
 */
export async function* taskEventItems(
  log: AsyncGenerator<LogEvent, void, undefined>,
  surface: Dialect | undefined,
  after: number,
  ending: Ending,
): AsyncGenerator<TaskEventItem, LogEnd, undefined> {
  let head: LogHead | null = null;
  const parts: Uint8Array[] = [];
  let last = 0;
  for await (const told of log) {
    if (told.kind === "head") ({ head } = told);
    if (told.kind === "frame") {
      last = told.seq;
      if (head?.stream !== true) parts.push(told.frame);
      else if (told.seq > after) {
        const made = eventOf(surface, told.frame);
        if (made !== null) yield { ...made, id: told.seq };
      }
    }
    if (told.kind !== "end") continue;
    const { ok, envelope } = await ending();
    const whole = head?.stream !== true && ok && last > after ? jsonOf(parts) : null;
    if (whole !== null) yield { name: "partial", id: last, data: whole };
    yield { name: ok ? "done" : "error", id: last + 1, data: envelope };
    return "complete";
  }
  throw new Error("the log broke off");
}

/** The same as server-sent events. */
export async function* taskEvents(
  ...parts: Parameters<typeof taskEventItems>
): AsyncGenerator<Uint8Array, LogEnd, undefined> {
  const items = taskEventItems(...parts);
  try {
    for (;;) {
      const next = await items.next();
      if (next.done) return next.value;
      const { name, id, data } = next.value;
      yield utf8(`event: ${name}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`);
    }
  } finally {
    await items.return("failed");
  }
}

/** The answer of a log that is no stream. */
export function jsonOf(parts: readonly Uint8Array[]): JsonObject | null {
  const size = parts.reduce((sum, part) => sum + part.byteLength, 0);
  return parsed(new TextDecoder().decode(concat(parts, size)));
}

function parsed(text: string): JsonObject | null {
  try {
    const value = JSON.parse(text) as JsonValue; // safe because: JSON.parse gives JSON values
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** Null for frames that only end a stream: `done` and `error` say that. */
function eventOf(
  surface: Dialect | undefined,
  raw: Uint8Array,
): { name: "token" | "partial"; data: JsonObject } | null {
  const frame = new SseFrame(raw);
  const text = frame.hasData() ? frame.data() : DONE;
  if (text.trimEnd() === DONE) return null;
  const data = parsed(text);
  if (data === null || data.error != null) return null;
  const token = tokenIn(surface, data);
  return token === null ? { name: "partial", data } : { name: "token", data: token };
}

/** The text that a frame adds to one part of the answer, if that is all that it says. */
function tokenIn(surface: Dialect | undefined, data: JsonObject): JsonObject | null {
  const token = (index: JsonValue | undefined, text: JsonValue | undefined): JsonObject | null =>
    typeof text === "string" && text !== "" ? { index: typeof index === "number" ? index : 0, text } : null;
  switch (surface) {
    case "openai.responses":
      return data.type === "response.output_text.delta" ? token(data.output_index, data.delta) : null;
    case "anthropic.messages": {
      const { delta } = data;
      return data.type === "content_block_delta" && isJsonObject(delta) ? token(data.index, delta.text) : null;
    }
    case "openai.chat":
    case "openai.completions": {
      const choices = Array.isArray(data.choices) ? data.choices : [];
      const [choice] = choices;
      if (choices.length !== 1 || !isJsonObject(choice) || choice.finish_reason != null) return null;
      const { delta } = choice;
      if (!isJsonObject(delta)) return token(choice.index, choice.text);
      return delta.tool_calls == null ? token(choice.index, delta.content) : null;
    }
    default:
      return null;
  }
}
