import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { Duplex } from "node:stream";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { newPair } from "../../functions/adapters/signer/new-pair.ts";
import { publicPair, verifierKeys } from "../../functions/adapters/signer/public-keys.ts";
import { keysDocument } from "../../functions/evidence/keys-document.ts";
import { directoryDocument, signedDirectory } from "../../infra/cli/cells.ts";
import { CellId, KeyId, TenantId, type UnixMs } from "../../shared/contracts/ids.ts";
import { TASK_SOCKET_CLOSE, TASK_SOCKET_PROTOCOL } from "../../shared/contracts/task-socket.ts";
import { mintApiKey } from "../../shared/crypto/api-key.ts";
import { encodeBase64url } from "../../shared/crypto/base64url.ts";
import { FORWARDING_HEADER, forwardingKey, verifyForwarding } from "../../shared/crypto/forwarding.ts";
import { freePort } from "../support/free-port.ts";
import { ENTRIES, type GlobalEntry } from "../support/global-entries.ts";
import { eventually } from "../support/lab.ts";
import { plainAsk } from "../support/plain-ask.ts";

const SECRET = encodeBase64url(new Uint8Array(32).fill(3));
const KEY = forwardingKey(SECRET);
if (KEY === null) throw new Error("no key");
const apiKey = (cell: string, tenant: string) =>
  mintApiKey(
    { cell: CellId.parse(cell), tenant: TenantId.parse(tenant), kid: KeyId.parse("0123456789ab") },
    new Uint8Array(32).fill(7),
    new Uint8Array(32).fill(9),
  ).text;
const OPEN = apiKey("eu1", "open");

/** A cell that shakes hands with everybody, unless `refuse` answers over the plain connection. */
const server: Server = createServer((_request, response) => response.writeHead(400).end("no socket"));
const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => TASK_SOCKET_PROTOCOL });
let refuse: ((connection: Duplex) => void) | null = null;
let asked: IncomingMessage[] = [];
server.on("upgrade", (request: IncomingMessage, connection, head) => {
  asked.push(request);
  if (refuse) return refuse(connection);
  sockets.handleUpgrade(request, connection, head, (socket) => sockets.emit("connection", socket));
});
let variables: Record<string, string>;

beforeAll(async () => {
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no address");
  const nowMs = Date.now();
  const pair = newPair((nowMs - 60_000) as UnixMs); // safe because: a time in ms
  const urls = { eu1: `http://127.0.0.1:${address.port}`, us1: `http://127.0.0.1:${await freePort()}` };
  const source = {
    cells: (["eu1", "us1"] as const).map((id) => ({
      ...{ id: CellId.parse(id), jurisdiction: id === "eu1" ? ("eu" as const) : ("us" as const) },
      ...{ base_url: urls[id], forwarding_keys: [KEY.kid] },
    })),
    tenants: ["eu1", "us1"].map((id) => ({
      ...{ cell: CellId.parse(id), tenant: TenantId.parse("open"), transit: "allowed" as const },
    })),
  };
  variables = {
    BAILIWICK_DIRECTORY: signedDirectory(directoryDocument(source, { version: 1, nowMs, hours: 1 }), [pair], nowMs),
    BAILIWICK_DIRECTORY_KEYS: JSON.stringify(keysDocument("directory", "cells", verifierKeys(pair, publicPair(pair)))),
    BAILIWICK_FORWARDING_KEYS: SECRET,
    BAILIWICK_LOG: "debug",
  };
});
afterAll(() => {
  for (const socket of sockets.clients) socket.terminate();
  server.closeAllConnections();
  server.close();
});

describe.each(ENTRIES)("a WebSocket through the global entry on %s", (runtime, start) => {
  let entry: GlobalEntry;
  beforeAll(async () => {
    entry = await start(variables);
  });
  afterAll(() => entry?.stop());
  const clients: WebSocket[] = [];
  afterEach(() => {
    for (const client of clients.splice(0)) client.terminate();
    refuse = null;
    asked = [];
  });

  function dial(key: string | null = OPEN, protocols = [TASK_SOCKET_PROTOCOL], path = "/v1/ws"): WebSocket {
    const headers = key === null ? {} : { authorization: `Bearer ${key}` };
    const client = new WebSocket(entry.url.replace("http", "ws") + path, protocols, { headers });
    client.on("error", () => {});
    clients.push(client);
    return client;
  }
  /** Both ends of a socket through the entry. */
  async function opened(...how: Parameters<typeof dial>): Promise<{ client: WebSocket; cell: WebSocket }> {
    const arrives = once(sockets, "connection");
    const client = dial(...how);
    await once(client, "open");
    const [cell] = (await arrives) as [WebSocket]; // safe because: the server gives each socket alone
    return { client, cell };
  }
  /** Status and body of what a socket was refused with. */
  async function refused(...how: Parameters<typeof dial>) {
    const client = dial(...how);
    const [, response] = (await once(client, "unexpected-response")) as [unknown, IncomingMessage]; // safe because: so says ws
    let text = "";
    for await (const part of response) text += part;
    return {
      status: response.statusCode,
      headers: response.headers,
      body: text.startsWith("{") ? JSON.parse(text) : text,
    };
  }
  const heard = async (socket: WebSocket) => String((await once(socket, "message"))[0]);
  const ended = async (socket: WebSocket) => {
    const [code, reason] = await once(socket, "close");
    return [code, String(reason)];
  };

  it("carries text both ways, in order, under the cell's subprotocol and a proof that holds", async () => {
    const { client, cell } = await opened();
    expect(client.protocol).toBe(TASK_SOCKET_PROTOCOL);
    const words: string[] = [];
    cell.on("message", (word) => cell.send(`${word}!`));
    client.on("message", (word) => words.push(String(word)));
    const sent = Array.from({ length: 200 }, (_, n) => `word ${n}`);
    for (const word of sent) client.send(word);
    await eventually(
      async () => words.length,
      (many) => many === sent.length,
    );
    expect(words).toEqual(sent.map((word) => `${word}!`));
    const call = { cell: "eu1", method: "GET", target: "/v1/ws", credential: OPEN, traceparent: null };
    const proof = String(asked[0]?.headers[FORWARDING_HEADER]);
    expect(verifyForwarding(proof, [KEY], call, Date.now()).ok).toBe(true);
  });

  it("passes a credential on that was offered as a subprotocol, and never answers with it", async () => {
    const bearer = `bailiwick.bearer.${OPEN}`;
    const { client } = await opened(null, [TASK_SOCKET_PROTOCOL, bearer]);
    expect(client.protocol).toBe(TASK_SOCKET_PROTOCOL);
    expect(asked[0]?.headers["sec-websocket-protocol"]?.split(/, ?/)).toEqual([TASK_SOCKET_PROTOCOL, bearer]);
    const call = { cell: "eu1", method: "GET", target: "/v1/ws", credential: OPEN, traceparent: null };
    expect(verifyForwarding(String(asked[0]?.headers[FORWARDING_HEADER]), [KEY], call, Date.now()).ok).toBe(true);
  });

  it.each([
    [1000, "done"],
    [TASK_SOCKET_CLOSE.unauthenticated, "the credential is not good any more"],
    [TASK_SOCKET_CLOSE.going, "the cell ends"],
  ])("tells the caller why its cell ended it: %i", async (code, reason) => {
    const { client, cell } = await opened();
    cell.close(code, reason);
    expect(await ended(client)).toEqual([code, reason]);
  });

  it("tells the cell that its caller has ended, or is gone, so that nobody is served who does not listen", async () => {
    const one = await opened();
    one.client.close(4001, "enough");
    expect(await ended(one.cell)).toEqual([4001, "enough"]);
    const other = await opened();
    other.client.terminate();
    await ended(other.cell);
    expect(other.cell.readyState).toBe(WebSocket.CLOSED);
  });

  it("never ends as if by agreement when the cell's connection broke off", async () => {
    const { client, cell } = await opened();
    cell.terminate();
    // What joins them by itself breaks off too; what ends them with a word says: connect again.
    expect([1006, TASK_SOCKET_CLOSE.going]).toContain((await ended(client))[0]);
  });

  it("stops reading the cell while its caller does not read, so that the entry's memory is nobody's to fill", async () => {
    const { client, cell } = await opened();
    client.pause();
    const MESSAGE = "x".repeat(64 * 1024);
    const MANY = 512;
    for (let n = 0; n < MANY; n++) cell.send(MESSAGE);
    // Kernels keep some MiB on each connection. An entry that took more and more would empty this, and never be seen still.
    let [left, still] = [cell.bufferedAmount, 0];
    await eventually(
      async () => {
        const now = cell.bufferedAmount;
        still = now > 0 && now === left ? still + 1 : 0;
        left = now;
        return still;
      },
      (looks) => looks === 10,
    );
    expect(still).toBe(10);
    let got = 0;
    const all = new Promise<void>((resolve) => {
      client.on("message", () => ++got === MANY && resolve());
    });
    client.resume();
    await all;
  });

  it("is refused with the cell's own answer, so that a caller learns what is wrong", async () => {
    refuse = (connection) =>
      connection.end(
        "HTTP/1.1 429 Too Many Requests\r\nretry-after-ms: 1000\r\nx-request-id: req_1\r\ncontent-length: 4\r\n\r\nfull",
      );
    expect(await refused()).toMatchObject({ status: 429, body: "full", headers: { "retry-after-ms": "1000" } });
  });

  it("is 503 naming the cell that is down, and 421 where it may not pass, with one answer for every tenant", async () => {
    expect(await refused(apiKey("us1", "open"))).toMatchObject({
      status: 503,
      body: { cell: "us1", jurisdiction: "us" },
    });
    const [known, unknown] = [await refused(apiKey("eu1", "default")), await refused(apiKey("eu1", "nobody"))];
    expect(known).toMatchObject({ status: 421, body: { cell: "eu1", error: { code: "data_residency_mismatch" } } });
    expect({ ...known.body, instance: "" }).toEqual({ ...unknown.body, instance: "" });
    expect(asked).toEqual([]);
  });

  it("is never a worker's: those connect to their cell alone", async () => {
    expect((await refused(OPEN, ["bailiwick.worker.v1"], "/v1/workers/connect")).status).toBe(421);
    expect((await plainAsk(`${entry.url}/v1/workers/token`, { key: OPEN, body: {} })).status).toBe(421);
    expect(asked).toEqual([]);
  });

  it("is counted while it is open, where the entry and not the platform joins it", async () => {
    const open = async () => {
      const page = await plainAsk(`${entry.url}/metrics`, {});
      return /^bailiwick_entry_sockets\{home="eu1"\} (\d+)$/m.exec(await page.text())?.[1] ?? null;
    };
    const counts = runtime !== "workerd";
    await eventually(open, (now) => now === (counts ? "0" : null));
    const { client } = await opened();
    expect(await open()).toBe(counts ? "1" : null);
    client.close();
    expect(await eventually(open, (now) => now === (counts ? "0" : null))).toBe(counts ? "0" : null);
  });

  it("leaves nothing of what it carries in the entry's log", async () => {
    const { client, cell } = await opened(
      null,
      [TASK_SOCKET_PROTOCOL, `bailiwick.bearer.${OPEN}`],
      "/v1/ws?q=canary-q",
    );
    const [up, down] = [heard(cell), heard(client)];
    client.send("canary-up");
    cell.send("canary-down");
    expect([await up, await down]).toEqual(["canary-up", "canary-down"]);
    cell.terminate();
    await ended(client);
    await refused(apiKey("us1", "open"));
    const logs = await eventually(
      async () => entry.logs(),
      (text) => text.includes("cell.unreachable"),
    );
    expect(logs).not.toContain("canary");
    expect(logs).not.toContain(OPEN);
  });
});
