import type { JsonObject, JsonValue } from "../../../shared/contracts/json.ts";
import { isGiven, listOf, objectOf, textOf } from "../json-read.ts";
import { invalid, unsupported } from "../untranslatable.ts";
import { imagePart } from "./images.ts";

/** One Anthropic message as chat messages: tool results come first, as chat demands them right after their calls. */
export function blockMessages(message: JsonObject, param: string): JsonObject[] {
  const at = `${param}.content`;
  switch (message.role) {
    case "user":
      return userMessages(message.content, at);
    case "assistant":
      return [assistantMessage(message.content, at)];
    case "system":
      return [{ role: "system", content: blockText(message.content, at) }];
    default:
      return invalid(`${param}.role`, "a message has one of the three roles");
  }
}

/** Text of a string or of text blocks; anything else is unsupported there. */
export function blockText(value: JsonValue | undefined, param: string): string {
  const single = textOf(value);
  if (single !== null) return single;
  return listOf(value)
    .map((entry, i) => {
      const block = objectOf(entry);
      const text = block?.type === "text" ? textOf(block.text) : null;
      return text ?? unsupported(`${param}[${i}].type`, "only text is understood here");
    })
    .join("\n");
}

function userMessages(value: JsonValue | undefined, param: string): JsonObject[] {
  const single = textOf(value);
  if (single !== null) return [{ role: "user", content: single }];
  const results: JsonObject[] = [];
  const parts: JsonObject[] = [];
  for (const [i, entry] of listOf(value).entries()) {
    const at = `${param}[${i}]`;
    const block = objectOf(entry) ?? invalid(at, "a block is an object");
    switch (block.type) {
      case "text":
        parts.push({ type: "text", text: textOf(block.text) ?? invalid(`${at}.text`, "text is needed") });
        break;
      case "image":
        parts.push(imagePart(block, at));
        break;
      case "document":
        parts.push(documentPart(block, at));
        break;
      case "tool_result":
        results.push({
          role: "tool",
          tool_call_id: textOf(block.tool_use_id) ?? invalid(`${at}.tool_use_id`, "a tool use id is needed"),
          content: isGiven(block.content) ? blockText(block.content, `${at}.content`) : "",
        });
        break;
      default:
        unsupported(`${at}.type`, "openai.chat has no such block");
    }
  }
  if (parts.length > 0) results.push({ role: "user", content: parts });
  return results;
}

function documentPart(block: JsonObject, param: string): JsonObject {
  const source = objectOf(block.source) ?? invalid(`${param}.source`, "a document needs a source");
  if (source.type === "text") return { type: "text", text: textOf(source.data) ?? invalid(param, "text is needed") };
  const data = textOf(source.data);
  const mediaType = textOf(source.media_type);
  if (source.type !== "base64" || data === null || mediaType === null)
    return unsupported(`${param}.source.type`, "only text and base64 documents are understood");
  const filename = textOf(block.title) ?? "document.pdf";
  return { type: "file", file: { filename, file_data: `data:${mediaType};base64,${data}` } };
}

function assistantMessage(value: JsonValue | undefined, param: string): JsonObject {
  const single = textOf(value);
  if (single !== null) return { role: "assistant", content: single };
  const calls: JsonObject[] = [];
  let text: string | null = null;
  for (const [i, entry] of listOf(value).entries()) {
    const at = `${param}[${i}]`;
    const block = objectOf(entry) ?? invalid(at, "a block is an object");
    switch (block.type) {
      case "text":
        text = (text ?? "") + (textOf(block.text) ?? invalid(`${at}.text`, "text is needed"));
        break;
      case "tool_use":
        calls.push({
          id: textOf(block.id) ?? invalid(`${at}.id`, "a tool use id is needed"),
          type: "function",
          function: {
            name: textOf(block.name) ?? invalid(`${at}.name`, "a tool name is needed"),
            arguments: JSON.stringify(objectOf(block.input) ?? {}),
          },
        });
        break;
      case "thinking":
      case "redacted_thinking":
        // Only the engine that made it can read it.
        break;
      default:
        unsupported(`${at}.type`, "openai.chat has no such block");
    }
  }
  return calls.length > 0
    ? { role: "assistant", content: text, tool_calls: calls }
    : { role: "assistant", content: text ?? "" };
}
