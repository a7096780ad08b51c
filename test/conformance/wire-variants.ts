import type { ServerResponse } from "node:http";

/** What an SDK made of a stream. */
export type Outcome =
  /** All text arrived and nothing was said to be wrong. */
  | "complete"
  /** Text is missing, and the SDK says nothing. */
  | "silent-loss"
  /** The SDK threw, or handed out an error part. */
  | "error";

export interface Variant {
  title: string;
  send(response: ServerResponse): void;
  /** What it says in whole, where that is not `TEXT`. */
  text?: string;
  openai: Outcome;
  ai: Outcome;
}

/** What a whole stream says. */
export const TEXT = "Hello wire";
const AWKWARD = "a\n\ndata: [DONE]\n\nevent: error\rb\r\n: c";

const frame = (choices: object[], more: object = {}) =>
  JSON.stringify({ id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "m", choices, ...more });
const delta = (content: string) => frame([{ index: 0, delta: { role: "assistant", content }, finish_reason: null }]);
const first = delta("Hello ");
const second = delta("wire");
const stop = frame([{ index: 0, delta: {}, finish_reason: "stop" }]);
const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 };
const usageFrame = (more: object = {}) => frame([], { usage: { ...usage, ...more } });

const events = (...data: string[]) => data.map((json) => `data: ${json}\n\n`).join("");
const whole = [first, second, stop, usageFrame()];
const errorBody = { error: { message: "broken", type: "api_error", param: null, code: "upstream_failed" } };

const sse = (text: string) => (response: ServerResponse) => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.end(text);
};
const fine = (title: string, text: string): Variant => ({ title, send: sse(text), openai: "complete", ai: "complete" });

/**
 * The stream table of the wire facts: each variant, and what the JavaScript SDKs make of it. A row that changes with a
 * new SDK version is news about the world: our own streams must stay inside the rows where everybody is content.
 */
export const STREAM_VARIANTS: readonly Variant[] = [
  fine("plain data frames, then [DONE]", `${events(...whole)}data: [DONE]\n\n`),
  fine("CRLF line ends", `${events(...whole)}data: [DONE]\n\n`.replaceAll("\n", "\r\n")),
  fine("no space after data:", `${events(...whole)}data: [DONE]\n\n`.replaceAll("data: ", "data:")),
  fine(
    "a named event on every chunk",
    `${whole.map((json) => `event: chunk\ndata: ${json}\n\n`).join("")}data: [DONE]\n\n`,
  ),
  fine("finish_reason, but no [DONE]", events(...whole)),
  fine("comments between frames, no id", `: ping\n\n${events(...whole)}: ping\n\ndata: [DONE]\n\n`),
  fine("our keep-alive comment", `${events(first)}: keep-alive\n\n${events(second, stop)}data: [DONE]\n\n`),
  fine(
    "an id on every event, no comments",
    `${whole.map((json, n) => `id: ${n}\ndata: ${json}\n\n`).join("")}data: [DONE]\n\n`,
  ),
  fine(
    "an id on every event, and comments (openai-python breaks here)",
    `${whole.map((json, n) => `id: ${n}\ndata: ${json}\n\n: ping\n\n`).join("")}data: [DONE]\n\n`,
  ),
  fine("a stand-alone retry (openai-python breaks here)", `retry: 1000\n\n${events(...whole)}data: [DONE]\n\n`),
  {
    title: "an extra event of our own before [DONE]",
    send: sse(`${events(...whole)}event: evidence\ndata: {"task":"task_1"}\n\ndata: [DONE]\n\n`),
    openai: "complete",
    ai: "error",
  },
  fine(
    "an extra member in the final usage chunk",
    `${events(first, second, stop, usageFrame({ cost_usd: "0.1" }))}data: [DONE]\n\n`,
  ),
  {
    title: "[DONE] with a trailing space",
    send: sse(`${events(...whole)}data: [DONE] \n\n`),
    openai: "error",
    ai: "error",
  },
  {
    title: "an error as a data frame, then the connection is destroyed: our way to fail",
    send(response) {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(`${events(first, JSON.stringify(errorBody))}`, () => setImmediate(() => response.destroy()));
    },
    openai: "error",
    ai: "error",
  },
  {
    title: "an error as a data frame, then a clean end",
    send: sse(`${events(first, JSON.stringify(errorBody))}`),
    openai: "error",
    ai: "error",
  },
  {
    title: "a clean end without finish_reason and [DONE]: never ours, since truncation is invisible",
    send: sse(events(first)),
    openai: "silent-loss",
    ai: "error",
  },
  {
    title: "an abrupt close of the socket",
    send(response) {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(events(first), () => setImmediate(() => response.destroy()));
    },
    openai: "error",
    ai: "error",
  },
  {
    title: "200 with a JSON error body while streaming: never ours, since it reads as an empty answer",
    send(response) {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify(errorBody));
    },
    openai: "silent-loss",
    ai: "error",
  },
  fine(
    "Azure's first chunk without choices, and a usage chunk without choices",
    `${events(frame([], { prompt_filter_results: [] }), ...whole)}data: [DONE]\n\n`,
  ),
  {
    ...fine(
      "text with line ends, data:, event: and a bare CR stays inside one JSON field",
      `${events(delta(AWKWARD), stop)}data: [DONE]\n\n`,
    ),
    text: AWKWARD,
  },
];

export interface RetryVariant {
  title: string;
  status: number;
  headers: Record<string, string>;
  /** Requests that reach the server when it always answers so: 3 means retried twice. */
  openai: number;
  ai: number;
}

const problem = (status: number, headers: Record<string, string> = {}): Pick<RetryVariant, "status" | "headers"> => ({
  status,
  headers: { "retry-after-ms": "1", ...headers },
});

export const RETRY_VARIANTS: readonly RetryVariant[] = [
  ...[408, 409, 429, 500, 502, 503, 504].map((status) => ({
    title: `${status} is tried again, and retry-after-ms is honoured first`,
    ...problem(status, { "retry-after": "50" }),
    openai: 3,
    ai: 3,
  })),
  ...[400, 401, 403, 404, 413, 422].map((status) => ({
    title: `${status} is final`,
    ...problem(status),
    openai: 1,
    ai: 1,
  })),
  {
    title: "x-should-retry: false is obeyed by openai and ignored by ai: an exhausted budget",
    ...problem(429, { "x-should-retry": "false" }),
    openai: 1,
    ai: 3,
  },
];
