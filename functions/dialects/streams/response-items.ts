import type { JsonObject } from "../../../shared/contracts/json.ts";
import { callItem, itemId, messageItem, refusalPart, textPart } from "../answers/response-object.ts";
import { type AnswerContext, StreamProtocolError } from "../translation.ts";
import type { CallDelta } from "./chat-chunk.ts";

type PartKind = "text" | "refusal";
const PARTS = {
  text: { event: "response.output_text", make: textPart, member: "text" },
  refusal: { event: "response.refusal", make: refusalPart, member: "refusal" },
} as const;

interface OpenMessage {
  id: string;
  outputIndex: number;
  content: JsonObject[];
  part: { kind: PartKind; text: string } | null;
}
interface OpenCall {
  id: string;
  outputIndex: number;
  callId: string;
  name: string;
  args: string;
}

/** The output items of a streamed response: one message at a time, calls in parallel, all closed at the finish. */
export class ResponseItems {
  /** Finished items in the order of their `output_index`. */
  readonly output: JsonObject[] = [];
  readonly #context: AnswerContext;
  #items = 0;
  #message: OpenMessage | null = null;
  readonly #calls = new Map<number, OpenCall>();

  constructor(context: AnswerContext) {
    this.#context = context;
  }

  /** Text or refusal goes on, opening message and part as needed. */
  say(kind: PartKind, delta: string): JsonObject[] {
    const events: JsonObject[] = [];
    let message = this.#message;
    if (message === null) {
      const outputIndex = this.#items++;
      message = { id: itemId(this.#context, "msg", outputIndex), outputIndex, content: [], part: null };
      this.#message = message;
      const item = messageItem(message.id, "in_progress", []);
      events.push({ type: "response.output_item.added", output_index: outputIndex, item });
    }
    if (message.part?.kind !== kind) {
      events.push(...this.#closePart(message));
      message.part = { kind, text: "" };
      events.push({ type: "response.content_part.added", ...place(message), part: PARTS[kind].make("") });
    }
    message.part.text += delta;
    const event: JsonObject = { type: `${PARTS[kind].event}.delta`, ...place(message), delta };
    if (kind === "text") event.logprobs = [];
    events.push(event);
    return events;
  }

  /** A tool call begins or its arguments go on. */
  call(given: CallDelta): JsonObject[] {
    const events: JsonObject[] = [];
    let call = this.#calls.get(given.index);
    if (call === undefined) {
      if (given.name === null) throw new StreamProtocolError("a tool call began without its name");
      events.push(...this.#closeMessage("completed"));
      const outputIndex = this.#items++;
      const id = itemId(this.#context, "fc", outputIndex);
      call = { id, outputIndex, callId: given.id ?? `call_${id}`, name: given.name, args: "" };
      this.#calls.set(given.index, call);
      const item = callItem(id, "in_progress", call.callId, call.name, "");
      events.push({ type: "response.output_item.added", output_index: outputIndex, item });
    }
    if (given.arguments !== "") {
      call.args += given.arguments;
      events.push({
        type: "response.function_call_arguments.delta",
        item_id: call.id,
        output_index: call.outputIndex,
        delta: given.arguments,
      });
    }
    return events;
  }

  /** Closes whatever is open; an answer without any item gets an empty message. */
  finish(status: "completed" | "incomplete"): JsonObject[] {
    const events = this.#items === 0 ? this.say("text", "") : [];
    events.push(...this.#closeMessage(status));
    for (const call of this.#calls.values()) {
      const item = callItem(call.id, status, call.callId, call.name, call.args);
      this.output[call.outputIndex] = item;
      events.push(
        {
          type: "response.function_call_arguments.done",
          item_id: call.id,
          output_index: call.outputIndex,
          name: call.name,
          arguments: call.args,
        },
        { type: "response.output_item.done", output_index: call.outputIndex, item },
      );
    }
    this.#calls.clear();
    return events;
  }

  #closeMessage(status: string): JsonObject[] {
    const message = this.#message;
    if (message === null) return [];
    const events = this.#closePart(message);
    const item = messageItem(message.id, status, message.content);
    this.output[message.outputIndex] = item;
    this.#message = null;
    events.push({ type: "response.output_item.done", output_index: message.outputIndex, item });
    return events;
  }

  #closePart(message: OpenMessage): JsonObject[] {
    if (message.part === null) return [];
    const { kind, text } = message.part;
    const part = PARTS[kind].make(text);
    const at = place(message);
    message.content.push(part);
    message.part = null;
    const done: JsonObject = { type: `${PARTS[kind].event}.done`, ...at, [PARTS[kind].member]: text };
    if (kind === "text") done.logprobs = [];
    return [done, { type: "response.content_part.done", ...at, part }];
  }
}

const place = (message: OpenMessage): JsonObject => ({
  item_id: message.id,
  output_index: message.outputIndex,
  content_index: message.content.length,
});
