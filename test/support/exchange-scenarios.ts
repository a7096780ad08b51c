import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { networkFailure } from "../../functions/engines/upstream/failure.ts";
import type { Egress, Exchange, ExchangeRequest } from "../../shared/contracts/ports/egress.ts";

type Ask = Egress["exchange"];
/** What a connection of the server does once a whole request is there. */
type Answering = (socket: Socket, request: string) => void;

/** A server that answers with the bytes it is told to, and what it saw. */
export class RawServer {
  readonly requests: string[] = [];
  readonly connections = new Set<Socket>();
  opened = 0;
  port = 0;
  answering: Answering = (socket) => socket.end();
  readonly #server: Server;

  constructor() {
    this.#server = createServer((socket) => {
      this.opened++;
      this.connections.add(socket);
      socket.on("close", () => this.connections.delete(socket));
      socket.on("error", () => undefined);
      let text = "";
      socket.on("data", (part) => {
        text += part.toString("latin1");
        const head = text.indexOf("\r\n\r\n");
        const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
        const begun = head < 0 || text.length < head + 4 + length;
        if (begun || (/transfer-encoding: chunked/i.test(text) && !text.endsWith("\r\n0\r\n\r\n"))) return;
        const whole = text;
        text = "";
        this.requests.push(whole);
        this.answering(socket, whole);
      });
    });
  }

  async listen(): Promise<void> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    const address = this.#server.address();
    this.port = typeof address === "object" && address !== null ? address.port : 0;
  }
  async close(): Promise<void> {
    for (const socket of this.connections) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
  get url(): string {
    return `http://127.0.0.1:${this.port}/v1/x?y=1`;
  }
}

export interface Scenario {
  title: string;
  /** What `fetch` does its own way. */
  host_only?: true;
  /** Of ways that use a connection again. */
  kept_only?: true;
  run(ask: Ask, server: RawServer): Promise<void>;
}

const post = (members: Partial<ExchangeRequest> = {}): ExchangeRequest => ({
  ...{ method: "POST", headers: { "content-type": "application/json" }, body: '{"a":"ä"}' },
  signal: new AbortController().signal,
  ...members,
});
const STREAM = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const chunk = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
const whole = (body: string, head = ""): string =>
  `HTTP/1.1 200 OK\r\n${head}content-length: ${body.length}\r\n\r\n${body}`;
const text = (bytes: Uint8Array | null): string | null => (bytes === null ? null : new TextDecoder().decode(bytes));

async function rest({ read }: Pick<Exchange, "read">): Promise<string> {
  let all = "";
  for (let part = await read(); part !== null; part = await read()) all += text(part);
  return all;
}
const bound = (exchange: Exchange) => ({ read: () => exchange.read() });
const gone = (server: RawServer): Promise<unknown> =>
  Promise.all([...server.connections].map((socket) => (socket.closed ? null : once(socket, "close"))));

/** What every way to an engine does, over real sockets. Each throws where it does not. */
export const EXCHANGE_SCENARIOS: readonly Scenario[] = [
  {
    title: "sends method, path, headers and body as they are, with the body's length in bytes",
    async run(ask, server) {
      server.answering = (socket) => socket.write(whole("ok"));
      for (const body of ['{"a":"ä"}', new TextEncoder().encode('{"a":"ä"}')])
        assert.equal(await rest(bound(await ask(server.url, post({ body, headers: { "x-one": "1" } })))), "ok");
      for (const request of server.requests) {
        assert.match(request, /^POST \/v1\/x\?y=1 HTTP\/1\.1\r\n/);
        assert.match(request, /\r\nx-one: 1\r\n/i);
        assert.match(request, /\r\ncontent-length: 10\r\n/i);
        assert.ok(request.endsWith(Buffer.from('{"a":"ä"}').toString("latin1")));
      }
    },
  },
  {
    title: "sends a body in pieces as they come, and ends it",
    async run(ask, server) {
      server.answering = (socket) => socket.write(whole("ok"));
      async function* body() {
        for (const piece of ["one ", "two ", "three"]) yield new TextEncoder().encode(piece);
      }
      assert.equal(await rest(bound(await ask(server.url, post({ body: body() })))), "ok");
      const [request = ""] = server.requests;
      const chunks = request.slice(request.indexOf("\r\n\r\n") + 4).split("\r\n");
      assert.equal(chunks.filter((_, at) => at % 2 === 1).join(""), "one two three");
    },
  },
  {
    title: "gives status and headers before the body, fields of one name together",
    async run(ask, server) {
      server.answering = (socket) =>
        socket.write("HTTP/1.1 429 No\r\nretry-after: 7\r\nX-A: 1\r\nx-a: 2\r\ncontent-length: 2\r\n\r\n");
      const exchange = await ask(server.url, post());
      assert.deepEqual(
        [
          exchange.status,
          exchange.headers.get("retry-after"),
          exchange.headers.get("x-a"),
          exchange.headers.get("x-b"),
        ],
        [429, "7", "1, 2", null],
      );
      for (const socket of server.connections) socket.write("no");
      assert.equal(await rest(bound(exchange)), "no");
    },
  },
  {
    title: "gives what came together in one read, so that a burst of frames costs one pass",
    host_only: true,
    async run(ask, server) {
      server.answering = (socket) => socket.end(`${STREAM}${chunk("one ")}${chunk("two ")}${chunk("three")}0\r\n\r\n`);
      const exchange = await ask(server.url, post());
      const parts = [text(await exchange.read()), text(await exchange.read()), text(await exchange.read())];
      assert.deepEqual(parts, ["one two three", null, null]);
    },
  },
  {
    title: "gives each part as soon as it is there, so that no frame waits for the next",
    async run(ask, server) {
      server.answering = (socket) => socket.write(`${STREAM}${chunk("one")}`);
      const exchange = await ask(server.url, post());
      assert.equal(text(await exchange.read()), "one");
      const next = exchange.read();
      for (const socket of server.connections) socket.write(chunk("two"));
      assert.equal(text(await next), "two");
      for (const socket of server.connections) socket.end("0\r\n\r\n");
      assert.equal(await exchange.read(), null);
    },
  },
  {
    title: "gives bytes that later reads leave alone, through parts of all sizes",
    async run(ask, server) {
      const sizes = [1, 300, 4_096, 70_000, 5, 200_000, 65_536, 3];
      const pieces = sizes.map((size, at) => String.fromCharCode(97 + at).repeat(size));
      server.answering = (socket) => socket.end(`${STREAM}${pieces.map(chunk).join("")}0\r\n\r\n`);
      const exchange = await ask(server.url, post());
      const parts: Uint8Array[] = [];
      for (let part = await exchange.read(); part !== null; part = await exchange.read()) parts.push(part);
      assert.equal(parts.map(text).join(""), pieces.join(""));
    },
  },
  {
    title: "reads no further than a bound ahead of whoever reads, and everything once it does",
    async run(ask, server) {
      const piece = chunk("x".repeat(64 * 1024));
      const pieces = 1_024;
      let sent = 0;
      server.answering = async (socket) => {
        socket.write(STREAM);
        for (; sent < pieces; sent++) if (!socket.write(piece)) await once(socket, "drain");
        socket.end("0\r\n\r\n");
      };
      const exchange = await ask(server.url, post());
      // What kernel and buffers take, they have taken once nothing moves any more.
      for (let before = -1; before < sent; await new Promise((resolve) => setTimeout(resolve, 100))) before = sent;
      assert.ok(sent < pieces / 2, `${sent} of ${pieces} pieces were taken unread`);
      let size = 0;
      for (let part = await exchange.read(); part !== null; part = await exchange.read()) size += part.length;
      assert.equal(size, pieces * 64 * 1024);
    },
  },
  {
    title: "rejects where a body ends before it is whole, so that a cut answer is never a whole one",
    async run(ask, server) {
      for (const cut of [`HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort`, `${STREAM}${chunk("short")}`]) {
        server.answering = (socket) => socket.end(cut);
        const exchange = await ask(server.url, post());
        await assert.rejects(rest(bound(exchange)));
      }
    },
  },
  {
    title: "hands a redirect back and goes nowhere",
    async run(ask, server) {
      server.answering = (socket) => socket.write("HTTP/1.1 302 F\r\nlocation: /else\r\ncontent-length: 0\r\n\r\n");
      const exchange = await ask(server.url, post());
      assert.deepEqual([exchange.status, exchange.headers.get("location")], [302, "/else"]);
      assert.equal(await exchange.read(), null);
      assert.equal(server.requests.length, 1);
    },
  },
  {
    title: "ends by its signal before the head, with the signal's reason, and closes the connection",
    async run(ask, server) {
      const stop = new AbortController();
      server.answering = () => stop.abort(new Error("left"));
      await assert.rejects(ask(server.url, post({ signal: stop.signal })), /left/);
      await gone(server);
    },
  },
  {
    title: "sends nothing for a signal that was aborted before",
    async run(ask, server) {
      await assert.rejects(ask(server.url, post({ signal: AbortSignal.abort(new Error("left")) })), /left/);
      assert.deepEqual(server.requests, []);
    },
  },
  {
    title: "ends a pending read by its signal, and closes the connection",
    async run(ask, server) {
      const stop = new AbortController();
      server.answering = (socket) => socket.write(`${STREAM}${chunk("one")}`);
      const exchange = await ask(server.url, post({ signal: stop.signal }));
      await exchange.read();
      const pending = exchange.read();
      stop.abort(new Error("left"));
      await assert.rejects(pending);
      await gone(server);
    },
  },
  {
    title: "closes the connection of an exchange that is cancelled, and ends what waits",
    async run(ask, server) {
      server.answering = (socket) => socket.write(`${STREAM}${chunk("one")}`);
      const exchange = await ask(server.url, post());
      await exchange.read();
      const pending = exchange.read().catch(() => null);
      exchange.cancel();
      await gone(server);
      assert.equal(await pending, null);
    },
  },
  {
    title: "uses a connection again, and opens another one where the server closed it",
    kept_only: true,
    async run(ask, server) {
      server.answering = (socket) => socket.write(whole("ok"));
      for (let call = 0; call < 6; call++) assert.equal(await rest(bound(await ask(server.url, post()))), "ok");
      // A call that comes in the instant in which another one ends may find its connection not free yet.
      assert.ok(server.opened <= 2, `${server.opened} connections for six calls in turn`);
      const closed = gone(server);
      for (const socket of server.connections) socket.end();
      await closed;
      assert.equal(await rest(bound(await ask(server.url, post()))), "ok");
    },
  },
  {
    title: "says of a server that is not there that nothing was sent",
    async run(ask, server) {
      const { url } = server;
      await server.close();
      const failed = await ask(url, post()).catch((cause: unknown) => cause);
      assert.deepEqual(networkFailure(failed), { reason: "unreachable" });
      await server.listen();
    },
  },
  {
    title: "says of a connection that broke behind the request that it may have run",
    async run(ask, server) {
      server.answering = (socket) => socket.destroy();
      const failed = await ask(server.url, post()).catch((cause: unknown) => cause);
      assert.equal(networkFailure(failed).reason, "failed");
    },
  },
  {
    title: "waits behind an informational answer for the real one",
    async run(ask, server) {
      server.answering = (socket) => socket.write(`HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n${whole("ok")}`);
      const exchange = await ask(server.url, post());
      assert.deepEqual([exchange.status, await rest(bound(exchange))], [200, "ok"]);
    },
  },
  {
    title: "finds a server by the name localhost, whichever address that is",
    async run(ask, server) {
      server.answering = (socket) => socket.write(whole("ok"));
      const url = server.url.replace("127.0.0.1", "localhost");
      assert.equal(await rest(bound(await ask(url, post()))), "ok");
    },
  },
  {
    title: "asks for no compression, and refuses an answer that is compressed all the same",
    host_only: true,
    async run(ask, server) {
      server.answering = (socket) => socket.write(whole("zip", "content-encoding: gzip\r\n"));
      await assert.rejects(ask(server.url, post()), /compressed/);
      assert.match(server.requests[0] ?? "", /\r\naccept-encoding: identity\r\n/);
      await gone(server);
    },
  },
];
