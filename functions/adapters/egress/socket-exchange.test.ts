import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ExchangeRequest } from "../../../shared/contracts/ports/egress.ts";
import { RawServer } from "../../../test/support/exchange-scenarios.ts";
import { openNodeSocket } from "../../../test/support/node-plain-socket.ts";
import { networkFailure } from "../../engines/upstream/failure.ts";
import { isPlainStream, type OpenSocket, socketExchange } from "./socket-exchange.ts";

const exchange = socketExchange(openNodeSocket);
const STREAM = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const asked = (members: Partial<ExchangeRequest> = {}): ExchangeRequest => ({
  ...{ method: "POST", headers: { accept: "text/event-stream" }, body: "{}" },
  signal: new AbortController().signal,
  ...members,
});

let server = new RawServer();
beforeEach(async () => {
  server = new RawServer();
  await server.listen();
});
afterEach(() => server.close());

describe("an exchange over a connection of its own", () => {
  it("gives the connection back with the last bytes, though the server would keep it, so that none gathers", async () => {
    server.answering = (socket) => socket.write(`${STREAM}2\r\nok\r\n0\r\n\r\n`);
    const { read } = await exchange(server.url, asked()).then((made) => ({ read: () => made.read() }));
    const [connection] = server.connections;
    if (connection === undefined) throw new Error("nobody connected");
    const closed = once(connection, "close");
    expect(new TextDecoder().decode((await read()) ?? undefined)).toBe("ok");
    await closed;
    expect([await read(), await read()]).toEqual([null, null]);
  });

  it("says once who is asked and how long the connection lasts, whatever it is given", async () => {
    server.answering = (socket) => socket.end("HTTP/1.1 204 No\r\n\r\n");
    const headers = { Host: "else.example.com", Connection: "keep-alive", "Content-Length": "9", "x-a": "é" };
    await exchange(server.url, asked({ headers }));
    const [request = ""] = server.requests;
    expect(request.split("\r\n").slice(1, -2).sort()).toEqual([
      "accept-encoding: identity",
      "connection: close",
      "content-length: 2",
      `host: 127.0.0.1:${server.port}`,
      "x-a: é",
    ]);
  });

  it.each([
    { "x-a": "1\r\nx-b: 2" },
    { "x-a": "1\nx-b: 2" },
    { "x-a": "\0" },
    { "x-a": "→" },
    { "x-a: 1\r\nx-b": "2" },
    { "": "1" },
  ])(
    "sends nothing at all with a header that would begin another line: %j",
    async (headers: Record<string, string>) => {
      await expect(exchange(server.url, asked({ headers }))).rejects.toThrow(TypeError);
      expect(server.opened).toBe(0);
    },
  );

  it("ends when the pieces that it sends break off, so that half a request is never taken for a whole one", async () => {
    async function* broken() {
      yield new TextEncoder().encode("half");
      throw new Error("no more of it");
    }
    await expect(exchange(server.url, asked({ body: broken() }))).rejects.toThrow("no more of it");
    expect(server.requests).toEqual([]);
  });

  it("asks for a path that can begin no other line", async () => {
    server.answering = (socket) => socket.end("HTTP/1.1 204 No\r\n\r\n");
    await exchange(`http://127.0.0.1:${server.port}/a b\r\nx: y?c\td#e`, asked());
    expect(server.requests[0]).toMatch(/^POST \/a%20bx:%20y\?cd HTTP\/1\.1\r\nhost: /);
  });
});

describe("an exchange over a connection that says nothing", () => {
  /** As on a platform whose reads outlive the closing of their connection. */
  const silent =
    (opened: Promise<unknown>): OpenSocket =>
    () => ({
      opened,
      closed: new Promise(() => undefined),
      readable: new ReadableStream({ type: "bytes" }),
      writable: new WritableStream(),
      close: async () => undefined,
    });

  it("ends with the signal's reason, so that no call outlives its deadline", async () => {
    const stop = new AbortController();
    const began = socketExchange(silent(Promise.resolve()))("http://127.0.0.1/", asked({ signal: stop.signal }));
    stop.abort(new Error("too late"));
    await expect(began).rejects.toThrow("too late");
  });

  it("says that nothing was sent where it never came about, so that another engine may be asked", async () => {
    const refused = Promise.reject(new Error("proxy request failed"));
    const broken: OpenSocket = (address) => ({
      ...silent(refused)(address),
      readable: new ReadableStream({ type: "bytes", start: (controller) => controller.error(new Error("no stream")) }),
    });
    const failed = await socketExchange(broken)("http://127.0.0.1/", asked()).catch((cause: unknown) => cause);
    expect(networkFailure(failed)).toEqual({ reason: "unreachable" });
  });
});

describe("what goes over a connection of its own", () => {
  it.each<[boolean, string, string, Partial<ExchangeRequest>]>([
    [true, "a stream over plain HTTP", "http://engine.example.com/v1", {}],
    [false, "nothing over TLS, whose handshake costs more than it saves", "https://engine.example.com/v1", {}],
    [
      false,
      "nothing that is answered in one piece",
      "http://engine.example.com/v1",
      { headers: { accept: "application/json" } },
    ],
    [false, "nothing that reads", "http://engine.example.com/v1", { method: "GET", body: null }],
  ])("%s: %s", (is, _, url, members) => expect(isPlainStream(url, asked(members))).toBe(is));
});
