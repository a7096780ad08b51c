import type { JsonObject } from "../../../shared/contracts/json.ts";
import { DONE, encodeData } from "../../dialects/sse-frame.ts";
import type { PlannedAnswer, PlannedChoice } from "./answer.ts";
import { hex8 } from "./seeded.ts";

export interface Rendering {
  dialect: "openai.chat" | "openai.completions";
  model: string;
  createdS: number;
  answer: PlannedAnswer;
}

const usageOf = (answer: PlannedAnswer): JsonObject => ({
  prompt_tokens: answer.promptTokens,
  completion_tokens: answer.completionTokens,
  total_tokens: answer.promptTokens + answer.completionTokens,
  prompt_tokens_details: { cached_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 0 },
});

const envelope = ({ dialect, model, createdS, answer }: Rendering, stream: boolean): JsonObject =>
  dialect === "openai.chat"
    ? {
        id: `chatcmpl-synthetic-${hex8(answer.hash)}`,
        object: stream ? "chat.completion.chunk" : "chat.completion",
        created: createdS,
        model,
      }
    : { id: `cmpl-synthetic-${hex8(answer.hash)}`, object: "text_completion", created: createdS, model };

/** The whole answer, marked as synthetic. */
export function renderBody(rendering: Rendering): JsonObject {
  const { answer, dialect } = rendering;
  const choices = answer.choices.map((choice) => (dialect === "openai.chat" ? chatChoice(choice) : textChoice(choice)));
  return { ...envelope(rendering, false), choices, usage: usageOf(answer), synthetic: true };
}

function chatChoice({ index, tokens, call, finish }: PlannedChoice): JsonObject {
  const text = tokens.join("");
  const message: JsonObject =
    call === null
      ? { role: "assistant", content: text, refusal: null }
      : {
          role: "assistant",
          content: null,
          refusal: null,
          tool_calls: [{ id: call.id, type: "function", function: { name: call.name, arguments: text } }],
        };
  return { index, message, logprobs: null, finish_reason: finish };
}
const textChoice = ({ index, tokens, finish }: PlannedChoice): JsonObject => ({
  index,
  text: tokens.join(""),
  logprobs: null,
  finish_reason: finish,
});

/** A frame of the stream; `token` frames are paced, the others follow at once. */
export interface RenderedFrame {
  token: boolean;
  raw: Uint8Array<ArrayBuffer>;
}

/** The frames of the stream. Finish and usage chunks carry the mark. `ended` false leaves out everything after the tokens. */
export function* renderFrames(rendering: Rendering, includeUsage: boolean, ended: boolean): Generator<RenderedFrame> {
  const { answer, dialect } = rendering;
  const head = envelope(rendering, true);
  const frame = (members: JsonObject, token = false): RenderedFrame => ({
    token,
    raw: encodeData(JSON.stringify({ ...head, ...members })),
  });
  for (const choice of answer.choices) {
    const chat = dialect === "openai.chat";
    const { index } = choice;
    if (chat) yield frame({ choices: [chatDelta(index, opening(choice))] });
    for (const token of choice.tokens)
      yield frame({ choices: [chat ? chatDelta(index, tokenDelta(choice, token)) : textDelta(index, token)] }, true);
    if (!ended) continue;
    const last = chat ? chatDelta(index, {}, choice.finish) : textDelta(index, "", choice.finish);
    yield frame({ choices: [last], synthetic: true });
  }
  if (!ended) return;
  if (includeUsage) yield frame({ choices: [], usage: usageOf(answer), synthetic: true });
  yield { token: false, raw: encodeData(DONE) };
}

const chatDelta = (index: number, delta: JsonObject, finish: string | null = null): JsonObject => ({
  index,
  delta,
  logprobs: null,
  finish_reason: finish,
});
const textDelta = (index: number, text: string, finish: string | null = null): JsonObject => ({
  index,
  text,
  logprobs: null,
  finish_reason: finish,
});
const opening = ({ call }: PlannedChoice): JsonObject =>
  call === null
    ? { role: "assistant", content: "" }
    : {
        role: "assistant",
        content: null,
        tool_calls: [{ index: 0, id: call.id, type: "function", function: { name: call.name, arguments: "" } }],
      };
const tokenDelta = ({ call }: PlannedChoice, token: string): JsonObject =>
  call === null ? { content: token } : { tool_calls: [{ index: 0, function: { arguments: token } }] };
