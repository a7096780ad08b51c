import { isJsonObject, type JsonObject, type JsonValue } from "../../../shared/contracts/json.ts";
import type { AnswerRedactor } from "../redact-answer.ts";
import { type ChannelKind, Channels } from "./channels.ts";
import type { FrameRedactor } from "./frame-redactor.ts";

/** Where the rest of a text goes: into this choice, in this form. */
interface Place {
  choice: number;
  wrap(rest: string): JsonObject;
}

/** Members of a chat delta that are text. */
const TEXTS: ReadonlySet<string> = new Set(["content", "refusal", "reasoning_content", "reasoning"]);
/** Members that name things. */
const PLAIN: ReadonlySet<string> = new Set(["role", "id", "type", "index"]);
const ENVELOPE: ReadonlySet<string> = new Set(["id", "object", "created", "model", "choices", "usage"]);

/** Chunks of chats (`choices[].delta`) and of completions (`choices[].text`), each choice on its own. */
export function choiceFrames(answer: AnswerRedactor): FrameRedactor {
  const channels = new Channels<Place>(answer);
  let envelope: JsonObject = {};

  const put = (name: string, kind: ChannelKind, text: string, place: Place): string =>
    channels.push(`${place.choice}/${name}`, kind, text, place);

  const rests = (chosen: (place: Place) => boolean): JsonObject[] =>
    channels.end(chosen).map(({ place, rest }) => ({
      ...envelope,
      choices: [{ index: place.choice, ...place.wrap(rest), finish_reason: null, logprobs: null }],
    }));

  function deltaOf(delta: JsonObject, choice: number): JsonObject {
    const made: JsonObject = {};
    for (const [name, value] of Object.entries(delta)) {
      if (PLAIN.has(name) || !carries(value)) made[name] = value;
      else if (TEXTS.has(name) && typeof value === "string")
        made[name] = put(name, "text", value, { choice, wrap: (rest) => ({ delta: { [name]: rest } }) });
      else if (name === "tool_calls" && Array.isArray(value))
        made[name] = value.filter(isJsonObject).map((call, i) => callOf(call, i, choice));
      else if (name === "function_call" && isJsonObject(value))
        made[name] = called(value, "arguments", "function", {
          choice,
          wrap: (rest) => ({ delta: { function_call: { arguments: rest } } }),
        });
      // What is not known to be whole text cannot be searched piece by piece.
      else answer.withheld();
    }
    return made;
  }

  function callOf(call: JsonObject, position: number, choice: number): JsonObject {
    const index = typeof call.index === "number" ? call.index : position;
    const made: JsonObject = {};
    for (const [name, value] of Object.entries(call)) {
      if (PLAIN.has(name) || !carries(value)) made[name] = value;
      else if ((name === "function" || name === "custom") && isJsonObject(value)) {
        const member = name === "function" ? "arguments" : "input";
        const wrap = (rest: string) => ({ delta: { tool_calls: [{ index, [name]: { [member]: rest } }] } });
        made[name] = called(value, member, `tool/${index}`, { choice, wrap });
      } else answer.withheld();
    }
    return made;
  }

  function called(value: JsonObject, member: string, name: string, place: Place): JsonObject {
    const text = value[member];
    const made: JsonObject = {};
    if (typeof value.name === "string") made.name = answer.text(value.name);
    if (typeof text === "string") made[member] = put(name, "arguments", text, place);
    return made;
  }

  function choiceOf(choice: JsonObject, index: number): JsonObject {
    const { delta, text, logprobs, ...others } = choice;
    const made: JsonObject = { ...answer.object(others) };
    if (isJsonObject(delta)) made.delta = deltaOf(delta, index);
    if (typeof text === "string")
      made.text = put("text", "text", text, { choice: index, wrap: (rest) => ({ text: rest }) });
    if (logprobs !== undefined) made.logprobs = null;
    return made;
  }

  /** The choice's own text went before it, with all that was held. */
  const finished = (choice: JsonObject): JsonObject => ({
    ...choice,
    ...(isJsonObject(choice.delta) ? { delta: isFirst(choice.delta) } : {}),
    ...(typeof choice.text === "string" ? { text: "" } : {}),
  });

  return {
    push(frame) {
      const { choices, ...others } = frame;
      const plain = Object.fromEntries(Object.entries(others).filter(([name]) => ENVELOPE.has(name)));
      const known = { ...plain, ...answer.object(omit(others, plain)) };
      envelope = { ...known, ...(known.usage === undefined ? {} : { usage: null }) };
      if (!Array.isArray(choices)) return [known];
      const before: JsonObject[] = [];
      const made = choices.filter(isJsonObject).map((choice, position) => {
        const index = typeof choice.index === "number" ? choice.index : position;
        const redacted = choiceOf(choice, index);
        if (choice.finish_reason === null || choice.finish_reason === undefined) return redacted;
        if (hasText(redacted)) before.push({ ...envelope, choices: [{ ...redacted, finish_reason: null }] });
        before.push(...rests((place) => place.choice === index));
        return finished(redacted);
      });
      return [...before, { ...known, choices: made }];
    },
    end: () => rests(() => true),
  };
}

/** Whether a value holds anything that could be text. */
const carries = (value: JsonValue): boolean =>
  (typeof value === "string" && value !== "") || (typeof value === "object" && value !== null);

const hasText = ({ delta, text }: JsonObject): boolean =>
  (typeof text === "string" && text !== "") ||
  (isJsonObject(delta) && Object.entries(delta).some(([name, value]) => name !== "role" && carries(value)));

/** A finishing delta without its text. */
const isFirst = (delta: JsonObject): JsonObject => (typeof delta.role === "string" ? { role: delta.role } : {});

const omit = (value: JsonObject, names: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(value).filter(([name]) => !Object.hasOwn(names, name)));
