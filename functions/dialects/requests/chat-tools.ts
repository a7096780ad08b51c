import { isJsonObject, type JsonObject, type JsonValue } from "../../../shared/contracts/json.ts";
import { copyGiven, isGiven, listOf, objectOf, textOf } from "../json-read.ts";
import { invalid, unsupported } from "../untranslatable.ts";

/** `tools` and `tool_choice` of a chat request in Anthropic's shape; an empty object when no tool is offered. */
export function chatTools(body: JsonObject): JsonObject {
  const tools = listOf(body.tools).map(tool);
  if (tools.length === 0) return {};
  const { choice, allowed } = toolChoice(body.tool_choice);
  if (body.parallel_tool_calls === false && choice.type !== "none") choice.disable_parallel_tool_use = true;
  const offered = allowed === null ? tools : tools.filter((entry) => allowed.has(textOf(entry.name) ?? ""));
  const idle = choice.type === "auto" && choice.disable_parallel_tool_use === undefined;
  return idle ? { tools: offered } : { tools: offered, tool_choice: choice };
}

function tool(value: JsonValue, index: number): JsonObject {
  const given = objectOf(value) ?? invalid(`tools[${index}]`, "a tool is an object");
  if (given.type !== "function") return unsupported(`tools[${index}].type`, "only function tools are understood");
  const called = objectOf(given.function) ?? invalid(`tools[${index}].function`, "a function is needed");
  const made: JsonObject = { input_schema: objectOf(called.parameters) ?? { type: "object", properties: {} } };
  copyGiven(called, made, ["name", "description", "strict"]);
  return made;
}

function toolChoice(value: JsonValue | undefined): { choice: JsonObject; allowed: Set<string> | null } {
  if (!isGiven(value) || value === "auto") return { choice: { type: "auto" }, allowed: null };
  if (value === "none") return { choice: { type: "none" }, allowed: null };
  if (value === "required") return { choice: { type: "any" }, allowed: null };
  if (isJsonObject(value) && value.type === "function")
    return { choice: { type: "tool", name: functionName(value, "tool_choice") }, allowed: null };
  if (isJsonObject(value) && value.type === "allowed_tools") {
    const given = objectOf(value.allowed_tools) ?? invalid("tool_choice.allowed_tools", "a list of tools is needed");
    const names = listOf(given.tools).map((entry, i) =>
      functionName(objectOf(entry), `tool_choice.allowed_tools.tools[${i}]`),
    );
    return { choice: { type: given.mode === "required" ? "any" : "auto" }, allowed: new Set(names) };
  }
  return unsupported("tool_choice", "anthropic.messages has no such choice");
}

const functionName = (value: JsonObject | null, param: string): string =>
  textOf(objectOf(value?.function)?.name) ?? unsupported(param, "only function tools are understood");
