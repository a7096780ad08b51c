import type { JsonObject } from "../../shared/contracts/json.ts";

const encoder = new TextEncoder();
const chunk = (choices: object[], more: object = {}) =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "queued", choices, ...more })}\n\n`;
export const word = (content: string) => chunk([{ index: 0, delta: { content }, finish_reason: null }]);
export const WORDS = ["one ", "two ", "three "].map(word);
export const TAIL = [
  chunk([{ index: 0, delta: {}, finish_reason: "stop" }]),
  chunk([], { usage: { prompt_tokens: 3, completion_tokens: 3, total_tokens: 6 } }),
  "data: [DONE]\n\n",
];
const WHOLE = {
  ...{ id: "c", object: "chat.completion", created: 1, model: "queued" },
  choices: [{ index: 0, message: { role: "assistant", content: "one two" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
};

/** What an engine does with one request. */
export type Script = (body: JsonObject, signal: AbortSignal | null) => Promise<Response> | Response;

/** The pinned model is the one that answers. */
const as = (text: string, { model }: JsonObject) =>
  text.replaceAll('"model":"queued"', `"model":${JSON.stringify(model)}`);
export const events = (text: readonly string[]) => (body: JsonObject) =>
  new Response(as(text.join(""), body), { headers: { "content-type": "text/event-stream" } });
export const whole = (body: JsonObject) => Response.json({ ...WHOLE, model: body.model });

/** A stream that a test feeds; `aborted` resolves when the cell stops reading it. */
export function fed() {
  const aborted = Promise.withResolvers<void>();
  let feed: ReadableStreamDefaultController<Uint8Array>;
  let asking: JsonObject = {};
  const asked = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      feed = controller;
    },
    cancel: () => aborted.resolve(),
  });
  return {
    script(request: JsonObject, signal: AbortSignal | null) {
      asking = request;
      signal?.addEventListener("abort", () => aborted.resolve());
      asked.resolve();
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    },
    say: (text: string) => feed.enqueue(encoder.encode(as(text, asking))),
    end: () => feed.close(),
    fail: () => feed.error(new Error("reset")),
    aborted: aborted.promise,
    asked: asked.promise,
  };
}
