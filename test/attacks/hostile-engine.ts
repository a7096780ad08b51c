import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { answering } from "../support/answering.ts";

export interface AskedOfEngine {
  request: IncomingMessage;
  text: string;
}
export type HostileAnswer = (response: ServerResponse, asked: AskedOfEngine) => void | Promise<void>;

/** An engine that answers each call as the attack that runs tells it to. */
export class HostileEngine {
  answer: HostileAnswer = (response) => void response.writeHead(500).end();
  readonly asked: AskedOfEngine[] = [];
  readonly #server: Server = createServer(
    answering(async (request, response) => {
      const asked = { request, text: await text(request) };
      this.asked.push(asked);
      await this.answer(response, asked);
    }),
  );

  async start(): Promise<this> {
    await new Promise<void>((ready) => this.#server.listen(0, "127.0.0.1", ready));
    return this;
  }

  /** Ends in `/v1`, as a provider's `base_url`. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`; // safe because: it listens on TCP
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((done) => this.#server.close(() => done()));
  }
}

/** One frame of a chat stream, with what the attack changes in it. */
export const chunk = (content: string, members: object = {}): object => ({
  ...{ id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "hostile" },
  choices: [{ index: 0, delta: { role: "assistant", content }, finish_reason: null }],
  ...members,
});
export const stopChunk = (members: object = {}): object => ({
  ...{ id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "hostile" },
  choices: [{ index: 0, delta: {}, finish_reason: "stop" }],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
  ...members,
});
export const data = (value: object | string): string =>
  `data: ${typeof value === "string" ? value : JSON.stringify(value)}\n\n`;
export const DONE = "data: [DONE]\n\n";

export const streamed =
  (text: string | Uint8Array, headers: Record<string, string> = {}): HostileAnswer =>
  (response) =>
    void response.writeHead(200, { "content-type": "text/event-stream", ...headers }).end(text);

/** A whole answer of a chat, with what the attack changes in it. */
export const answered =
  (message: object, members: object = {}, headers: Record<string, string> = {}): HostileAnswer =>
  (response) =>
    void response.writeHead(200, { "content-type": "application/json", ...headers }).end(
      JSON.stringify({
        ...{ id: "chatcmpl-1", object: "chat.completion", created: 1, model: "hostile" },
        choices: [{ index: 0, message: { role: "assistant", ...message }, finish_reason: "stop" }],
        usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
        ...members,
      }),
    );
