import { isJsonObject, type JsonObject, type JsonValue } from "../../../shared/contracts/json.ts";
import { countOf, listOf, objectOf, textOf } from "../../dialects/json-read.ts";
import { outputCap } from "../../dialects/rewrite.ts";
import { schemaInstance } from "./schema-instance.ts";
import { fnv1a, hex8 } from "./seeded.ts";
import { answerTokens, cutTokens, inputTokens, textTokens } from "./words.ts";

/** Said in the last user message, it makes the engine call the first tool. */
export const TOOL_TRIGGER = "call tool";
const CHOICES_MAX = 8;

/** One choice, decided before anything is sent. */
export interface PlannedChoice {
  index: number;
  tokens: string[];
  /** A tool call whose arguments are the tokens; null for text. */
  call: { id: string; name: string } | null;
  finish: "stop" | "length" | "tool_calls";
}
export interface PlannedAnswer {
  hash: number;
  choices: PlannedChoice[];
  promptTokens: number;
  completionTokens: number;
}

const planned = (hash: number, choices: PlannedChoice[], promptTokens: number): PlannedAnswer => ({
  hash,
  choices,
  promptTokens,
  completionTokens: choices.reduce((sum, choice) => sum + choice.tokens.length, 0),
});

const stopsOf = (body: JsonObject): string[] =>
  [body.stop].flat().flatMap((stop) => (typeof stop === "string" ? [stop] : []));
const choicesOf = (body: JsonObject): number => Math.min(CHOICES_MAX, Math.max(1, countOf(body.n) ?? 1));

/** The answer to a chat body: the same body always gets the same. */
export function planChat(body: JsonObject): PlannedAnswer {
  const messages = listOf(body.messages);
  const read = JSON.stringify([messages, body.tools ?? null, body.response_format ?? null]);
  const hash = fnv1a(`${JSON.stringify([body.seed ?? null, body.model ?? null])}${read}`);
  const max = outputCap("openai.chat", body);
  const tool = calledTool(body, messages);
  const choices = Array.from({ length: choicesOf(body) }, (_, index): PlannedChoice => {
    const seed = fnv1a(String(index), hash);
    if (tool !== null) {
      const args = JSON.stringify(schemaInstance(tool.parameters ?? { type: "object" }));
      const cut = cutTokens(textTokens(args), max, []);
      const call = { id: `call_${hex8(seed)}`, name: textOf(tool.name) ?? "" };
      return { index, tokens: cut.tokens, call, finish: cut.finish === "length" ? "length" : "tool_calls" };
    }
    const structured = structuredText(body);
    const tokens = structured === null ? answerTokens(seed) : textTokens(structured);
    return { index, call: null, ...cutTokens(tokens, max, stopsOf(body)) };
  });
  return planned(hash, choices, inputTokens(modelText(messages)) + toolTokens(body));
}

/** The answer to a completion body; several prompts are answered one after another, `n` choices each. */
export function planCompletion(body: JsonObject): PlannedAnswer {
  const prompts = promptsOf(body.prompt);
  const hash = fnv1a(JSON.stringify([body.seed ?? null, body.model ?? null, prompts]));
  const max = outputCap("openai.completions", body);
  const choices = prompts.flatMap((prompt, p) =>
    Array.from({ length: choicesOf(body) }, (_, n): PlannedChoice => {
      const tokens = answerTokens(fnv1a(prompt, fnv1a(String(n), hash)));
      return { index: p * choicesOf(body) + n, call: null, ...cutTokens(tokens, max, stopsOf(body)) };
    }),
  );
  return planned(hash, choices, inputTokens(prompts.join("")));
}

function promptsOf(prompt: JsonValue | undefined): string[] {
  if (!Array.isArray(prompt)) return [textOf(prompt) ?? ""];
  if (typeof prompt[0] === "number") return [prompt.join(" ")];
  return prompt.map((each) => (Array.isArray(each) ? each.join(" ") : String(each)));
}

/** The function to call: the one `tool_choice` names, or the first when a call is required or asked for in words. */
function calledTool(body: JsonObject, messages: readonly JsonValue[]): JsonObject | null {
  const tools = listOf(body.tools)
    .map((tool) => objectOf(objectOf(tool)?.function))
    .filter((tool) => tool !== null);
  const choice = body.tool_choice;
  if (tools.length === 0 || choice === "none") return null;
  if (isJsonObject(choice)) {
    const name = textOf(objectOf(choice.function)?.name);
    return tools.find((tool) => name === null || tool.name === name) ?? null;
  }
  if (choice === "required") return tools[0] ?? null;
  const last = objectOf(messages.at(-1));
  const asked = last?.role === "user" && modelText([last]).toLowerCase().includes(TOOL_TRIGGER);
  return asked ? (tools[0] ?? null) : null;
}

function structuredText(body: JsonObject): string | null {
  const format = objectOf(body.response_format);
  if (format?.type === "json_object") return '{"answer":"synthetic"}';
  if (format?.type !== "json_schema") return null;
  return JSON.stringify(schemaInstance(objectOf(format.json_schema)?.schema));
}

/** All text in messages; an image counts as one character, so never more than any image price. */
function modelText(messages: readonly JsonValue[]): string {
  let text = "";
  for (const value of messages) {
    const message = objectOf(value);
    const content = message?.content;
    if (typeof content === "string") text += content;
    else for (const part of listOf(content)) text += textOf(objectOf(part)?.text) ?? " ";
    for (const call of listOf(message?.tool_calls)) text += textOf(objectOf(objectOf(call)?.function)?.arguments) ?? "";
  }
  return text;
}

const toolTokens = (body: JsonObject): number =>
  Array.isArray(body.tools) && body.tools.length > 0 ? inputTokens(JSON.stringify(body.tools)) : 0;
