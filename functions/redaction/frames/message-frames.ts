import { isJsonObject, type JsonObject } from "../../../shared/contracts/json.ts";
import type { AnswerRedactor } from "../redact-answer.ts";
import { type ChannelKind, Channels } from "./channels.ts";
import type { FrameRedactor } from "./frame-redactor.ts";

/** Where the rest of a text goes: into this block, as this kind of delta. */
interface Place {
  index: number;
  type: string;
  member: string;
}

/** Kinds of deltas that carry text, with the member that holds it. */
const DELTAS: Readonly<Record<string, { member: string; kind: ChannelKind }>> = {
  text_delta: { member: "text", kind: "text" },
  thinking_delta: { member: "thinking", kind: "text" },
  input_json_delta: { member: "partial_json", kind: "arguments" },
};
/** The delta that continues what a block begins with. */
const BEGINS: Readonly<Record<string, string>> = { text: "text_delta", thinking: "thinking_delta" };

/** Events of Anthropic's messages: each content block is a text of its own. */
export function messageFrames(answer: AnswerRedactor): FrameRedactor {
  const channels = new Channels<Place>(answer);
  const delta = ({ index, type, member }: Place, text: string): JsonObject => ({
    type: "content_block_delta",
    index,
    delta: { type, [member]: text },
  });
  const rests = (chosen: (place: Place) => boolean): JsonObject[] =>
    channels.end(chosen).map(({ place, rest }) => delta(place, rest));

  function push(index: number, type: string, text: string): JsonObject {
    const { member, kind } = DELTAS[type] ?? { member: "text", kind: "text" };
    const place = { index, type, member };
    return delta(place, channels.push(`${index}/${type}`, kind, text, place));
  }

  function started(frame: JsonObject, index: number): JsonObject[] {
    const { content_block: block } = frame;
    if (!isJsonObject(block)) return [answer.object(frame)];
    const type = Object.hasOwn(BEGINS, String(block.type)) ? BEGINS[String(block.type)] : undefined;
    const member = type === undefined ? undefined : DELTAS[type]?.member;
    const text = member === undefined ? undefined : block[member];
    if (type === undefined || member === undefined || typeof text !== "string" || text === "")
      return [answer.object(frame)];
    return [answer.object({ ...frame, content_block: { ...block, [member]: "" } }), push(index, type, text)];
  }

  function continued(frame: JsonObject, index: number): JsonObject[] {
    const { delta: given } = frame;
    if (!isJsonObject(given)) return [];
    const type = String(given.type);
    const text = given[(Object.hasOwn(DELTAS, type) ? DELTAS[type]?.member : undefined) ?? ""];
    if (typeof text === "string") return [push(index, type, text)];
    if (type === "signature_delta" || type === "citations_delta") return [answer.object(frame)];
    // What is not known to be whole text cannot be searched piece by piece.
    answer.withheld();
    return [];
  }

  return {
    push(frame) {
      const index = typeof frame.index === "number" ? frame.index : 0;
      switch (frame.type) {
        case "content_block_start":
          return started(frame, index);
        case "content_block_delta":
          return continued(frame, index);
        case "content_block_stop":
          return [...rests((place) => place.index === index), frame];
        case "message_delta":
        case "message_stop":
          return [...rests(() => true), answer.object(frame)];
        default:
          return [answer.object(frame)];
      }
    },
    end: () => rests(() => true),
  };
}
