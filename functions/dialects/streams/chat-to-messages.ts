import type { JsonObject } from "../../../shared/contracts/json.ts";
import { NO_MESSAGE_USAGE } from "../answers/chat-to-messages.ts";
import { type Finish, STOP_REASON } from "../finish.ts";
import { type AnswerContext, StreamProtocolError } from "../translation.ts";
import { convertUsage } from "../usage.ts";
import { type CallDelta, readChatChunk } from "./chat-chunk.ts";
import type { Stage } from "./stage.ts";

/**
 * Chat chunks → Anthropic events. Blocks are strictly one after another:
 * message_start (block_start delta* block_stop)* message_delta message_stop; the last two wait for the usage chunk.
 */
export function chatToMessagesStage(context: AnswerContext): Stage {
  let started = false;
  let blocks = 0;
  let open: { kind: "text" } | { kind: "tool"; call: number } | null = null;
  const seenCalls = new Set<number>();
  let refused = false;
  let finish: Finish | null = null;
  let usage: JsonObject | null = null;
  let synthetic = false;

  function close(): JsonObject[] {
    if (open === null) return [];
    open = null;
    return [{ type: "content_block_stop", index: blocks - 1 }];
  }
  function begin(next: NonNullable<typeof open>, block: JsonObject): JsonObject[] {
    const made = [...close(), { type: "content_block_start", index: blocks, content_block: block }];
    blocks++;
    open = next;
    return made;
  }
  const delta = (value: JsonObject): JsonObject => ({ type: "content_block_delta", index: blocks - 1, delta: value });

  function text(value: string): JsonObject[] {
    const made = open?.kind === "text" ? [] : begin({ kind: "text" }, { type: "text", text: "" });
    return [...made, delta({ type: "text_delta", text: value })];
  }
  function call(given: CallDelta): JsonObject[] {
    const made: JsonObject[] = [];
    if (!seenCalls.has(given.index)) {
      if (given.name === null) throw new StreamProtocolError("a tool call began without its name");
      seenCalls.add(given.index);
      const id = given.id ?? `toolu_${context.id}_${given.index}`;
      made.push(...begin({ kind: "tool", call: given.index }, { type: "tool_use", id, name: given.name, input: {} }));
    } else if (open?.kind !== "tool" || open.call !== given.index) {
      if (given.arguments !== "") throw new StreamProtocolError("arguments of a tool call that had ended");
    }
    if (given.arguments !== "") made.push(delta({ type: "input_json_delta", partial_json: given.arguments }));
    return made;
  }

  return {
    push(frame) {
      const chunk = readChatChunk(frame);
      const made: JsonObject[] = [];
      if (!started) {
        started = true;
        made.push(messageStart(context));
      }
      if (chunk.usage !== null) usage = convertUsage(chunk.usage, "openai.chat", "anthropic.messages");
      synthetic ||= chunk.synthetic;
      if (chunk.text !== "") made.push(...text(chunk.text));
      if (chunk.refusal !== "") {
        refused = true;
        made.push(...text(chunk.refusal));
      }
      for (const given of chunk.calls) made.push(...call(given));
      if (chunk.finish !== null) {
        finish = chunk.finish;
        made.push(...close());
      }
      return made;
    },
    get finished() {
      return finish !== null;
    },
    end() {
      const reason = refused && finish === "stop" ? "refusal" : STOP_REASON[finish ?? "stop"];
      const last: JsonObject = {
        type: "message_delta",
        delta: { stop_reason: reason, stop_sequence: null },
        usage: usage ?? NO_MESSAGE_USAGE,
      };
      if (synthetic) last.synthetic = true;
      return [last, { type: "message_stop" }];
    },
  };
}

/** Chat tells usage last, so the start event counts 0 and `message_delta` the whole. */
const messageStart = (context: AnswerContext): JsonObject => ({
  type: "message_start",
  message: {
    id: context.id,
    type: "message",
    role: "assistant",
    model: context.model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: NO_MESSAGE_USAGE,
    ...context.extra,
  },
});
