import type { JsonObject, JsonValue } from "../../../shared/contracts/json.ts";
import { copyGiven, isGiven, listOf, objectOf, textOf } from "../json-read.ts";
import { invalid, unsupported } from "../untranslatable.ts";

/** Input items of a Responses request as chat messages. Calls that follow one another join one assistant message. */
export function inputMessages(input: JsonValue | undefined): JsonObject[] {
  const single = textOf(input);
  if (single !== null) return [{ role: "user", content: single }];
  const messages: JsonObject[] = [];
  for (const [i, value] of listOf(input).entries()) {
    const param = `input[${i}]`;
    const item = objectOf(value) ?? invalid(param, "an input item is an object");
    switch (item.type ?? "message") {
      case "message":
        messages.push(message(item, param));
        break;
      case "function_call":
        addCall(messages, item, param);
        break;
      case "function_call_output":
        messages.push({
          role: "tool",
          tool_call_id: textOf(item.call_id) ?? invalid(`${param}.call_id`, "a call id is needed"),
          content: outputText(item.output, `${param}.output`),
        });
        break;
      case "reasoning":
        // Only the engine that made it can read it.
        break;
      default:
        unsupported(`${param}.type`, "openai.chat has no such item");
    }
  }
  return messages;
}

function message(item: JsonObject, param: string): JsonObject {
  switch (item.role) {
    case "user":
      return { role: "user", content: content(item.content, `${param}.content`) };
    case "system":
    case "developer":
      // Chat servers other than OpenAI's know `system` only; OpenAI treats it as `developer` where that is meant.
      return { role: "system", content: textOnly(item.content, `${param}.content`) };
    case "assistant":
      return { role: "assistant", content: textOnly(item.content, `${param}.content`) };
    default:
      return invalid(`${param}.role`, "a message has one of the four roles");
  }
}

function addCall(messages: JsonObject[], item: JsonObject, param: string): void {
  const call: JsonObject = {
    id: textOf(item.call_id) ?? invalid(`${param}.call_id`, "a call id is needed"),
    type: "function",
    function: {
      name: textOf(item.name) ?? invalid(`${param}.name`, "a tool name is needed"),
      arguments: textOf(item.arguments) ?? invalid(`${param}.arguments`, "arguments are JSON text"),
    },
  };
  const last = messages.at(-1);
  if (last?.role !== "assistant") {
    messages.push({ role: "assistant", content: null, tool_calls: [call] });
    return;
  }
  last.tool_calls = [...listOf(last.tool_calls), call];
}

function content(value: JsonValue | undefined, param: string): JsonValue {
  const single = textOf(value);
  if (single !== null) return single;
  return listOf(value).map((entry, i) => part(objectOf(entry), `${param}[${i}]`));
}

function part(given: JsonObject | null, param: string): JsonObject {
  switch (given?.type) {
    case "input_text":
    case "output_text":
      return { type: "text", text: textOf(given.text) ?? invalid(`${param}.text`, "text is needed") };
    case "input_image": {
      const url = textOf(given.image_url) ?? unsupported(`${param}.file_id`, "images by file id are not understood");
      const image: JsonObject = { url };
      copyGiven(given, image, ["detail"]);
      return { type: "image_url", image_url: image };
    }
    case "input_file": {
      if (isGiven(given.file_url)) unsupported(`${param}.file_url`, "openai.chat takes no files by URL");
      const file: JsonObject = {};
      copyGiven(given, file, ["file_data", "file_id", "filename"]);
      return { type: "file", file };
    }
    case "input_audio":
      return { type: "input_audio", input_audio: objectOf(given.input_audio) ?? invalid(param, "audio is needed") };
    default:
      return unsupported(`${param}.type`, "openai.chat has no such part");
  }
}

/** Text of a message or tool result that may hold nothing else. */
function textOnly(value: JsonValue | undefined, param: string): string {
  const single = textOf(value);
  if (single !== null) return single;
  return listOf(value)
    .map((entry, i) => {
      const given = objectOf(entry);
      const text = textOf(given?.type === "refusal" ? given.refusal : given?.text);
      return text ?? unsupported(`${param}[${i}].type`, "only text is understood here");
    })
    .join("");
}

const outputText = (value: JsonValue | undefined, param: string): string =>
  isGiven(value) ? textOnly(value, param) : invalid(param, "an output is needed");
