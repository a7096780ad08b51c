import type { JsonObject, JsonValue } from "../../../shared/contracts/json.ts";
import { isGiven, listOf, objectOf, parseObject, textOf } from "../json-read.ts";
import { invalid, unsupported } from "../untranslatable.ts";
import { dataUrl, imageBlock } from "./images.ts";

/**
 * Chat messages as Anthropic's system blocks and alternating turns. System and developer messages move to the front, in
 * order; neighbours of one role join one turn, so that all results of one round of tool calls stand together.
 */
export function anthropicMessages(given: readonly JsonValue[]): { system: JsonObject[]; messages: JsonObject[] } {
  const system: JsonObject[] = [];
  const turns: { role: "user" | "assistant"; content: JsonObject[] }[] = [];
  const say = (role: "user" | "assistant", blocks: JsonObject[]): void => {
    const last = turns.at(-1);
    if (last?.role === role) last.content.push(...blocks);
    else if (blocks.length > 0) turns.push({ role, content: blocks });
  };
  for (const [i, value] of given.entries()) {
    const param = `messages[${i}]`;
    const message = objectOf(value) ?? invalid(param, "a message is an object");
    const at = `${param}.content`;
    switch (message.role) {
      case "system":
      case "developer":
        system.push(...texts(message.content, at));
        break;
      case "user":
        say("user", userBlocks(message.content, at));
        break;
      case "assistant":
        say("assistant", assistantBlocks(message, param));
        break;
      case "tool":
        say("user", [toolResult(message, param)]);
        break;
      default:
        unsupported(`${param}.role`, "anthropic.messages has no such role");
    }
  }
  return { system, messages: turns.map(({ role, content }) => ({ role, content })) };
}

/** Text blocks of a string or of text parts; Anthropic refuses empty ones, so they fall away. */
function texts(value: JsonValue | undefined, param: string): JsonObject[] {
  const single = textOf(value);
  const all =
    single !== null
      ? [single]
      : listOf(value).map((entry, i) => {
          const part = objectOf(entry);
          return (
            textOf(part?.type === "refusal" ? part.refusal : part?.text) ??
            unsupported(`${param}[${i}].type`, "only text is understood here")
          );
        });
  return all.filter((text) => text !== "").map((text) => ({ type: "text", text }));
}

function userBlocks(value: JsonValue | undefined, param: string): JsonObject[] {
  if (!Array.isArray(value)) return texts(value, param);
  return value.flatMap((entry, i) => {
    const at = `${param}[${i}]`;
    const part = objectOf(entry) ?? invalid(at, "a part is an object");
    switch (part.type) {
      case "text":
        return texts([part], param);
      case "image_url": {
        const url = textOf(objectOf(part.image_url)?.url) ?? invalid(`${at}.image_url.url`, "a URL is needed");
        return [imageBlock(url, `${at}.image_url.url`)];
      }
      case "file":
        return [documentBlock(objectOf(part.file), at)];
      default:
        return unsupported(`${at}.type`, "anthropic.messages has no such part");
    }
  });
}

function documentBlock(file: JsonObject | null, param: string): JsonObject {
  const data = dataUrl(textOf(file?.file_data) ?? "");
  if (data?.mediaType !== "application/pdf") return unsupported(`${param}.file`, "only PDF data URLs are understood");
  const block: JsonObject = {
    type: "document",
    source: { type: "base64", media_type: data.mediaType, data: data.base64 },
  };
  const title = textOf(file?.filename);
  if (title !== null) block.title = title;
  return block;
}

function assistantBlocks(message: JsonObject, param: string): JsonObject[] {
  if (isGiven(message.function_call)) unsupported(`${param}.function_call`, "use tool_calls");
  const blocks = isGiven(message.content) ? texts(message.content, `${param}.content`) : [];
  const refusal = textOf(message.refusal);
  if (refusal !== null && refusal !== "") blocks.push({ type: "text", text: refusal });
  for (const [i, value] of listOf(message.tool_calls).entries()) {
    const at = `${param}.tool_calls[${i}]`;
    const call = objectOf(value);
    const called = objectOf(call?.function) ?? unsupported(at, "only function calls are understood");
    const text = textOf(called.arguments) ?? "";
    blocks.push({
      type: "tool_use",
      id: textOf(call?.id) ?? invalid(`${at}.id`, "a call id is needed"),
      name: textOf(called.name) ?? invalid(`${at}.function.name`, "a tool name is needed"),
      input:
        text.trim() === ""
          ? {}
          : (parseObject(text) ?? invalid(`${at}.function.arguments`, "arguments are a JSON object")),
    });
  }
  return blocks;
}

function toolResult(message: JsonObject, param: string): JsonObject {
  const id = textOf(message.tool_call_id) ?? invalid(`${param}.tool_call_id`, "a call id is needed");
  const content = texts(message.content, `${param}.content`);
  return content.length > 0
    ? { type: "tool_result", tool_use_id: id, content }
    : { type: "tool_result", tool_use_id: id };
}
