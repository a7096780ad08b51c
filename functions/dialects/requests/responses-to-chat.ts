import { isJsonObject, type JsonObject, type JsonValue } from "../../../shared/contracts/json.ts";
import { copyGiven, isGiven, listOf, objectOf, textOf } from "../json-read.ts";
import { invalid, unsupported } from "../untranslatable.ts";
import { refuseGiven } from "./refuse.ts";
import { inputMessages } from "./responses-input.ts";

const COPIED = [
  "model",
  "stream",
  "temperature",
  "top_p",
  "metadata",
  "user",
  "service_tier",
  "safety_identifier",
  "prompt_cache_key",
  "prompt_cache_retention",
  "parallel_tool_calls",
];
/** State and built-in tools belong to whoever serves Responses; `max_tool_calls` bounds only built-in tools. */
const REFUSED = ["background", "prompt", "previous_response_id", "conversation", "context_management", "top_logprobs"];

/** Responses → chat. Reasoning items and `reasoning.summary` are hints and fall away; the cell resolves stored state before. */
export function responsesToChat(body: JsonObject): JsonObject {
  refuseGiven(body, REFUSED, "openai.chat");
  if (listOf(body.include).includes("message.output_text.logprobs"))
    unsupported("include", "log probabilities are not translated");
  if (body.truncation === "auto") unsupported("truncation", "openai.chat does not truncate");
  const messages: JsonObject[] = [];
  const instructions = textOf(body.instructions);
  if (instructions !== null && instructions !== "") messages.push({ role: "system", content: instructions });
  messages.push(...inputMessages(body.input));
  if (messages.length === 0) invalid("input", "an input is needed");
  const chat: JsonObject = { messages };
  copyGiven(body, chat, COPIED);
  if (isGiven(body.max_output_tokens)) chat.max_completion_tokens = body.max_output_tokens;
  const effort = objectOf(body.reasoning)?.effort;
  if (isGiven(effort)) chat.reasoning_effort = effort;
  readText(objectOf(body.text), chat);
  const tools = listOf(body.tools).map(tool);
  if (tools.length > 0) chat.tools = tools;
  else delete chat.parallel_tool_calls;
  if (tools.length > 0 && isGiven(body.tool_choice)) chat.tool_choice = toolChoice(body.tool_choice);
  return chat;
}

function readText(text: JsonObject | null, chat: JsonObject): void {
  if (text === null) return;
  if (isGiven(text.verbosity)) chat.verbosity = text.verbosity;
  const format = objectOf(text.format);
  switch (format?.type) {
    case undefined:
    case "text":
      return;
    case "json_object":
      chat.response_format = { type: "json_object" };
      return;
    case "json_schema": {
      const schema: JsonObject = {};
      copyGiven(format, schema, ["name", "description", "schema", "strict"]);
      chat.response_format = { type: "json_schema", json_schema: schema };
      return;
    }
    default:
      unsupported("text.format.type", "openai.chat has no such format");
  }
}

function tool(value: JsonValue, index: number): JsonObject {
  const given = objectOf(value) ?? invalid(`tools[${index}]`, "a tool is an object");
  if (given.type !== "function") return unsupported(`tools[${index}].type`, "only function tools are understood");
  const made: JsonObject = {};
  copyGiven(given, made, ["name", "description", "parameters", "strict"]);
  return { type: "function", function: made };
}

function toolChoice(choice: JsonValue): JsonValue {
  if (choice === "none" || choice === "auto" || choice === "required") return choice;
  if (isJsonObject(choice)) {
    if (choice.type === "function") return namedTool(choice, "tool_choice");
    if (choice.type === "allowed_tools") {
      const tools = listOf(choice.tools).map((entry, i) => {
        const named = objectOf(entry);
        if (named?.type !== "function")
          return unsupported(`tool_choice.tools[${i}]`, "only function tools are understood");
        return namedTool(named, `tool_choice.tools[${i}]`);
      });
      return { type: "allowed_tools", allowed_tools: { mode: choice.mode ?? "auto", tools } };
    }
  }
  return unsupported("tool_choice", "openai.chat has no such choice");
}

const namedTool = (choice: JsonObject, param: string): JsonObject => ({
  type: "function",
  function: { name: textOf(choice.name) ?? invalid(`${param}.name`, "a tool name is needed") },
});
