import type { JsonObject, JsonValue } from "../../../shared/contracts/json.ts";
import { copyGiven, isGiven, listOf, numberOf, objectOf, textOf } from "../json-read.ts";
import type { RequestOptions } from "../translation.ts";
import { invalid, unsupported } from "../untranslatable.ts";
import { anthropicMessages } from "./chat-messages.ts";
import { chatTools } from "./chat-tools.ts";
import { refuseGiven } from "./refuse.ts";

/** Members that change the answer and have no equivalent. Hints (`prompt_cache_key`, `prediction`, `store`, `metadata`) fall away. */
const REFUSED = [
  "logprobs",
  "top_logprobs",
  "logit_bias",
  "presence_penalty",
  "frequency_penalty",
  "seed",
  "audio",
  "web_search_options",
  "functions",
  "function_call",
  "verbosity",
];

/** Chat → Anthropic Messages. */
export function chatToMessages(body: JsonObject, options: RequestOptions): JsonObject {
  refuseGiven(body, REFUSED, "anthropic.messages");
  if (isGiven(body.n) && body.n !== 1) unsupported("n", "anthropic.messages gives one answer");
  if (listOf(body.modalities).some((modality) => modality !== "text"))
    unsupported("modalities", "anthropic.messages answers text");
  const temperature = numberOf(body.temperature);
  if (temperature !== null && temperature > 1) unsupported("temperature", "anthropic.messages allows 0 to 1");
  const { system, messages } = anthropicMessages(listOf(body.messages));
  const made: JsonObject = {
    max_tokens: body.max_completion_tokens ?? body.max_tokens ?? options.outputTokensDefault,
    messages,
  };
  if (system.length > 0) made.system = system;
  copyGiven(body, made, ["model", "stream", "temperature", "top_p"]);
  const stop = stopSequences(body.stop);
  if (stop.length > 0) made.stop_sequences = stop;
  const user = textOf(body.safety_identifier) ?? textOf(body.user);
  if (user !== null) made.metadata = { user_id: user };
  readServiceTier(body, made);
  readReasoning(body, made);
  readFormat(body, made);
  Object.assign(made, chatTools(body));
  return made;
}

function stopSequences(stop: JsonValue | undefined): JsonValue[] {
  const single = textOf(stop);
  return single !== null ? [single] : listOf(stop);
}

function readServiceTier(body: JsonObject, made: JsonObject): void {
  switch (body.service_tier) {
    case undefined:
    case null:
      return;
    case "auto":
      made.service_tier = "auto";
      return;
    case "default":
      made.service_tier = "standard_only";
      return;
    default:
      unsupported("service_tier", "anthropic.messages has no such tier");
  }
}

function readReasoning(body: JsonObject, made: JsonObject): void {
  const effort = textOf(body.reasoning_effort);
  if (effort === null) return;
  if (effort === "none") made.thinking = { type: "disabled" };
  else made.output_config = { effort: effort === "minimal" ? "low" : effort };
}

function readFormat(body: JsonObject, made: JsonObject): void {
  const format = objectOf(body.response_format);
  switch (format?.type) {
    case undefined:
    case "text":
      return;
    case "json_schema": {
      const schema =
        objectOf(objectOf(format.json_schema)?.schema) ??
        invalid("response_format.json_schema.schema", "a schema is needed");
      made.output_config = { ...objectOf(made.output_config), format: { type: "json_schema", schema } };
      return;
    }
    default:
      unsupported("response_format", "anthropic.messages needs a JSON schema");
  }
}
