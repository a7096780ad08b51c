import { createServer, type IncomingHttpHeaders, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { answering } from "./answering.ts";

/** One request as a receiver of callbacks saw it. */
export interface ReceivedCallback {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}
type Answer = Parameters<RequestListener>[1];

/** A server on one loopback address that is told things, and answers as its test says; 204 unless it says otherwise. */
export class CallbackReceiver {
  readonly received: ReceivedCallback[] = [];
  answer: (response: Answer, call: ReceivedCallback) => void = (response) => void response.writeHead(204).end();
  readonly #server = createServer(answering((request, response) => this.#serve(request, response)));
  /** Origin under which it is called, where that is another than its own. */
  named: string | null = null;
  readonly #waiting: (() => void)[] = [];
  #url = "";

  async #serve(request: IncomingMessage, response: Answer): Promise<void> {
    const body = await buffer(request);
    const { method = "", url = "", headers } = request;
    const call = { method, url: `${this.named ?? this.url}${url}`, headers, body };
    this.received.push(call);
    this.answer(response, call);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  static async start(host = "127.0.0.1"): Promise<CallbackReceiver> {
    const receiver = new CallbackReceiver();
    await new Promise<void>((ready) => receiver.#server.listen(0, host, ready));
    const { port } = receiver.#server.address() as AddressInfo; // safe because: it listens on TCP
    receiver.#url = `http://${host}:${port}`;
    return receiver;
  }

  get url(): string {
    return this.#url;
  }

  /** Resolves once so many requests have been answered. */
  async count(wanted: number): Promise<readonly ReceivedCallback[]> {
    while (this.received.length < wanted) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.received;
  }

  /** Breaks every connection that waits for an answer. */
  hangUp(): void {
    this.#server.closeAllConnections();
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
