import type { JsonObject } from "../../shared/contracts/json.ts";

export const MAIL = "alice@example.com";
const PIECES = ["Write to ali", "ce@exam", "ple.com and pay ", "with 4111 11", "11 1111 1111, ", "thanks."];
const TEXT = PIECES.join("");
/** The same without its finds. */
export const SHOWN = "Write to [email-1] and pay with [card-1], thanks.";
const USAGE = { prompt_tokens: 10, completion_tokens: 7, total_tokens: 17 };
/** What one call costs, in nano-dollars. */
export const USED = 10 * 1_000 + 7 * 2_000;

const data = (frame: unknown) => `data: ${typeof frame === "string" ? frame : JSON.stringify(frame)}\n\n`;
const event = (frame: JsonObject) => `event: ${String(frame.type)}\n${data(frame)}`;

/** An engine that says `TEXT`, whatever it is asked, in the form that it is asked for. */
export function talkingEngine(url: string, body: JsonObject): JsonObject | string[] {
  const head = { id: "x", object: "o", created: 1, model: String(body.model) };
  if (url.endsWith("/embeddings"))
    return { ...head, data: [{ object: "embedding", index: 0, embedding: [0.5] }], usage: USAGE };
  if (url.endsWith("/messages")) {
    const usage = { input_tokens: 10, output_tokens: 7 };
    const message = { id: "msg_1", type: "message", role: "assistant", model: String(body.model) };
    if (body.stream !== true)
      return { ...message, content: [{ type: "text", text: TEXT }], stop_reason: "end_turn", usage };
    return [
      { type: "message_start", message: { ...message, content: [], usage } },
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
      ...PIECES.map((text) => ({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } })),
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: { stop_reason: "end_turn" }, usage },
      { type: "message_stop" },
    ].map((frame) => event(frame));
  }
  const chat = url.endsWith("/chat/completions");
  if (body.stream !== true) {
    const said = chat ? { message: { role: "assistant", content: TEXT } } : { text: TEXT };
    return { ...head, choices: [{ index: 0, ...said, finish_reason: "stop" }], usage: USAGE };
  }
  const chunk = (said: object, finish_reason: string | null = null) => ({
    ...head,
    choices: [{ index: 0, ...said, finish_reason }],
  });
  return [
    ...PIECES.map((piece) => data(chunk(chat ? { delta: { content: piece } } : { text: piece }))),
    data(chunk(chat ? { delta: {} } : { text: "" }, "stop")),
    data({ ...head, choices: [], usage: USAGE }),
    data("[DONE]"),
  ];
}
