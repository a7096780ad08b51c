import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { answering } from "./answering.ts";
import { type ChatBody, completion, embeddings, frames, textCompletion } from "./upstream-answers.ts";

const TLS = join(import.meta.dirname, "tls");
/** Silence of the model `late`: one and a half keep-alive intervals, which is how late the comment may come. */
const LATE_MS = 24_000;
const IDLE_MS = 60_000;
/** Between two frames of the model `slow`. */
const SLOW_MS = 50;
const FLOOD_CHARS = 64 * 1024;
const FRAMES: Readonly<Record<string, number>> = { slow: 400, paced: 20, endless: 2_400 };

export interface SeenRequest {
  path: string;
  headers: Record<string, string | string[] | undefined>;
  body: ChatBody & Record<string, unknown>;
  raw: string;
  /** Resolves when the connection or the answer is over; true when it was complete. */
  over: Promise<boolean>;
}

/**
 * An OpenAI-compatible engine for tests, on loopback. The model id says how it behaves: `echo`, `embed`, `slow` (20 s of
 * frames), `paced` (1 s), `endless` (2 minutes), `flood` (as fast as it is read), `held` (answers when the test lets it), `midstream` (dies after its
 * first words), `status-<n>`, `quoting-<n>` (an error that repeats the credential and the prompt, as some providers do),
 * `other-model`, `no-usage`, `garbage`.
 */
export class Upstream {
  readonly seen: SeenRequest[] = [];
  readonly #server: Server;
  #url = "";
  #gate = Promise.withResolvers<void>();

  constructor(options: { tls: boolean } = { tls: false }) {
    const handler = answering((request, response) => this.#serve(request, response));
    this.#server = options.tls
      ? createTlsServer(
          { cert: readFileSync(join(TLS, "localhost.crt")), key: readFileSync(join(TLS, "localhost.key")) },
          handler,
        )
      : createServer(handler);
    // workerd keeps a connection for five seconds, as Node's server does: a call would meet one that is just closed.
    this.#server.keepAliveTimeout = IDLE_MS;
  }

  /** Ends in `/v1`. */
  get url(): string {
    return this.#url;
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("no address");
    this.#url = `${"key" in this.#server ? "https" : "http"}://127.0.0.1:${address.port}/v1`;
    return this;
  }

  /** After `stop`: listens on the same port, as an engine does that comes back. */
  async startAgain(): Promise<void> {
    const port = Number(new URL(this.#url).port);
    await new Promise<void>((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
  }

  stop(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  /** Lets every request for `held` go on that has arrived, and holds the next ones. */
  release(): void {
    this.#gate.resolve();
    this.#gate = Promise.withResolvers();
  }

  /** Requests whose text contains `marker`: tests put one of their own into each prompt. */
  about(marker: string): SeenRequest[] {
    return this.seen.filter((request) => request.raw.includes(marker));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const raw = await text(request);
    const path = request.url ?? "";
    if (request.method !== "POST")
      return json(response, 200, { object: "list", data: [{ id: "echo", object: "model" }] });
    const body = JSON.parse(raw);
    const over = new Promise<boolean>((resolve) => response.once("close", () => resolve(response.writableFinished)));
    this.seen.push({ path, headers: request.headers, body, raw, over });
    const model = String(body.model);
    const status = /^status-(\d{3})$/.exec(model)?.[1];
    if (status)
      return json(response, Number(status), { error: { message: `told to answer ${status}`, type: "t", code: "c" } });
    const quoting = /^quoting-(\d{3})$/.exec(model)?.[1];
    if (quoting) {
      const message = `Incorrect credential: ${request.headers.authorization}. You asked: ${JSON.stringify(body.messages)}`;
      return json(response, Number(quoting), { error: { message, type: "t", code: "c" } });
    }
    if (model === "held") await this.#gate.promise;
    if (model === "garbage") return json(response, 200, { hello: "no model" });
    if (path.endsWith("/embeddings")) return json(response, 200, embeddings(body));
    if (path.endsWith("/chat/completions")) return body.stream ? this.#stream(body, response) : unary(body, response);
    if (path.endsWith("/completions")) return json(response, 200, textCompletion(body));
    json(response, 404, { error: { message: "no such path", type: "t", code: "c" } });
  }

  async #stream(body: ChatBody, response: ServerResponse): Promise<void> {
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "x-request-id": "upstream-1" });
    const all = frames(body.model === "other-model" ? { ...body, model: "somebody-else" } : body);
    const paced = FRAMES[body.model];
    if (body.model === "flood") {
      const frame = frames({ ...body, messages: [{ role: "user", content: "x".repeat(FLOOD_CHARS) }] })[1];
      while (!response.destroyed) {
        if (response.write(`data: ${frame}\n\n`)) await new Promise((resolve) => setImmediate(resolve));
        else await new Promise((resolve) => response.once("drain", resolve).once("close", resolve));
      }
    } else if (paced !== undefined) {
      for (let n = 0; n < paced && !response.destroyed; n++) {
        response.write(`data: ${all[1]}\n\n`);
        await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
      }
      for (const frame of all.slice(-2)) response.write(`data: ${frame}\n\n`);
    } else if (body.model === "midstream") {
      response.write(
        all
          .slice(0, 2)
          .map((frame) => `data: ${frame}\n\n`)
          .join(""),
      );
      // One turn, so that the frames are on the wire before the reset.
      setTimeout(() => response.destroy(), 20);
      return;
    } else {
      const kept = body.model === "no-usage" ? all.filter((frame) => !frame.includes('"usage"')) : all;
      for (const [index, frame] of kept.entries()) {
        if (body.model === "late" && index === 2) await new Promise((resolve) => setTimeout(resolve, LATE_MS));
        response.write(`data: ${frame}\n\n`);
      }
    }
    response.end("data: [DONE]\n\n");
  }
}

function unary(body: ChatBody, response: ServerResponse): void {
  const answer = completion(body.model === "other-model" ? { ...body, model: "somebody-else" } : body);
  if (body.model === "no-usage") Reflect.deleteProperty(answer, "usage");
  json(response, 200, answer);
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}
