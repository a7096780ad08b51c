import type { JsonObject, JsonValue } from "../../../shared/contracts/json.ts";
import { copyGiven, countOf, isGiven, listOf, objectOf, textOf } from "../json-read.ts";
import { invalid, unsupported } from "../untranslatable.ts";
import { blockMessages, blockText } from "./messages-blocks.ts";
import { refuseGiven } from "./refuse.ts";

/** Anthropic Messages → chat. Cache marks, thinking blocks and `is_error` are hints and fall away. */
export function messagesToChat(body: JsonObject): JsonObject {
  refuseGiven(body, ["top_k", "mcp_servers", "container", "context_management"], "openai.chat");
  const messages: JsonObject[] = [];
  if (isGiven(body.system)) messages.push({ role: "system", content: blockText(body.system, "system") });
  for (const [i, value] of listOf(body.messages).entries()) {
    const message = objectOf(value) ?? invalid(`messages[${i}]`, "a message is an object");
    messages.push(...blockMessages(message, `messages[${i}]`));
  }
  const chat: JsonObject = { messages };
  copyGiven(body, chat, ["model", "stream", "temperature", "top_p"]);
  if (isGiven(body.max_tokens)) chat.max_completion_tokens = body.max_tokens;
  if (isGiven(body.stop_sequences)) chat.stop = body.stop_sequences;
  const user = textOf(objectOf(body.metadata)?.user_id);
  if (user !== null) chat.user = user;
  if (body.service_tier === "standard_only") chat.service_tier = "default";
  else if (isGiven(body.service_tier)) chat.service_tier = body.service_tier;
  readOutputConfig(body, chat);
  const tools = listOf(body.tools).map(tool);
  if (tools.length > 0) {
    chat.tools = tools;
    readToolChoice(objectOf(body.tool_choice), chat);
  }
  return chat;
}

/** Thinking budgets have no exact equivalent; the bands are those of the effort levels they cost about as much as. */
function effortOf(body: JsonObject): string | null {
  const effort = textOf(objectOf(body.output_config)?.effort);
  if (effort !== null) return effort === "max" ? "xhigh" : effort;
  const thinking = objectOf(body.thinking);
  if (thinking?.type !== "enabled") return null;
  const budget = countOf(thinking.budget_tokens) ?? invalid("thinking.budget_tokens", "a number of tokens is needed");
  if (budget < 4_096) return "low";
  return budget < 16_384 ? "medium" : "high";
}

function readOutputConfig(body: JsonObject, chat: JsonObject): void {
  const effort = effortOf(body);
  if (effort !== null) chat.reasoning_effort = effort;
  const format = objectOf(objectOf(body.output_config)?.format);
  if (format === null) return;
  if (format.type !== "json_schema") unsupported("output_config.format.type", "openai.chat has no such format");
  const schema = objectOf(format.schema) ?? invalid("output_config.format.schema", "a schema is needed");
  chat.response_format = { type: "json_schema", json_schema: { name: "output", schema, strict: true } };
}

function tool(value: JsonValue, index: number): JsonObject {
  const given = objectOf(value) ?? invalid(`tools[${index}]`, "a tool is an object");
  if (isGiven(given.type) && given.type !== "custom")
    return unsupported(`tools[${index}].type`, "only client tools are understood");
  const made: JsonObject = {};
  copyGiven(given, made, ["name", "description", "strict"]);
  if (isGiven(given.input_schema)) made.parameters = given.input_schema;
  return { type: "function", function: made };
}

function readToolChoice(choice: JsonObject | null, chat: JsonObject): void {
  if (choice === null) return;
  if (choice.disable_parallel_tool_use === true) chat.parallel_tool_calls = false;
  switch (choice.type) {
    case "auto":
    case "none":
      chat.tool_choice = choice.type;
      return;
    case "any":
      chat.tool_choice = "required";
      return;
    case "tool": {
      const name = textOf(choice.name) ?? invalid("tool_choice.name", "a tool name is needed");
      chat.tool_choice = { type: "function", function: { name } };
      return;
    }
    default:
      unsupported("tool_choice.type", "openai.chat has no such choice");
  }
}
