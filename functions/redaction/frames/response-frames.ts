import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { AnswerRedactor } from "../redact-answer.ts";
import { Channels } from "./channels.ts";
import type { FrameRedactor } from "./frame-redactor.ts";

/** The last event that carried the text, whose form the rest takes. */
interface Place {
  output: number;
  base: string;
  frame: JsonObject;
}

/** Deltas that are of use only as a whole. */
const WHOLE: ReadonlySet<string> = new Set([
  "response.function_call_arguments",
  "response.custom_tool_call_input",
  "response.mcp_call_arguments",
]);
const TEXT: ReadonlySet<string> = new Set([
  "response.output_text",
  "response.refusal",
  "response.reasoning_text",
  "response.reasoning_summary_text",
  "response.code_interpreter_call_code",
]);

/**
 * Events of a Responses stream. A text's `.done` event and the objects that repeat it are redacted as its deltas were, so
 * that all say the same. `sequence_number` counts the events that go out.
 */
export function responseFrames(answer: AnswerRedactor): FrameRedactor {
  const channels = new Channels<Place>(answer);
  /** Something was shown that later events repeat. */
  let repeats = false;
  let sequence: number | null = null;

  const numbered = (frames: JsonObject[]): JsonObject[] => {
    for (const frame of frames) {
      if (typeof frame.sequence_number !== "number") continue;
      sequence = sequence === null ? frame.sequence_number : sequence + 1;
      frame.sequence_number = sequence;
    }
    return frames;
  };
  const rests = (chosen: (place: Place) => boolean): JsonObject[] =>
    channels.end(chosen).map(({ place, rest }) => ({ ...place.frame, delta: rest }));

  function deltas(frame: JsonObject, base: string, text: string): JsonObject[] {
    if (!WHOLE.has(base) && !TEXT.has(base)) {
      // Sound, or a kind of text that nobody here knows the end of.
      answer.withheld();
      return [];
    }
    repeats = true;
    const { item_id, output_index, content_index, summary_index, logprobs, ...others } = frame;
    const output = typeof output_index === "number" ? output_index : 0;
    const name = [base, item_id, output_index, content_index, summary_index].join("/");
    const made: JsonObject = { ...frame, ...(Array.isArray(logprobs) ? { logprobs: [] } : {}) };
    // Padding hides how long a text is; it is no longer that long.
    if (others.obfuscation !== undefined) delete made.obfuscation;
    const kind = WHOLE.has(base) ? "arguments" : "text";
    return [{ ...made, delta: channels.push(name, kind, text, { output, base, frame: made }) }];
  }

  return {
    push(frame) {
      const type = typeof frame.type === "string" ? frame.type : "";
      if (type.endsWith(".delta") && typeof frame.delta === "string")
        return numbered(deltas(frame, type.slice(0, -".delta".length), frame.delta));
      if (type.endsWith(".partial_image")) {
        answer.withheld();
        return [];
      }
      const output = typeof frame.output_index === "number" ? frame.output_index : null;
      const base = type.slice(0, -".done".length);
      const ends = type.endsWith(".done")
        ? rests((place) => place.output === output && (place.base === base || type === "response.output_item.done"))
        : frame.response !== undefined
          ? rests(() => true)
          : [];
      const made = repeats ? answer.copy(frame) : answer.object(frame);
      repeats ||= frame.response !== undefined;
      return numbered([...ends, made]);
    },
    end: () => numbered(rests(() => true)),
  };
}
