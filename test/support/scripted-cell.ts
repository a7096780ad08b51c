import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { type WebSocket, WebSocketServer } from "ws";
import {
  FromWorker,
  type ToWorker,
  WORKER_PROTOCOL,
  WORKER_TOKEN_PROTOCOL,
  WorkerTokenRequest,
} from "../../shared/contracts/worker-protocol.ts";
import { answering } from "./answering.ts";

type Frame<T extends FromWorker["t"]> = Extract<FromWorker, { t: T }>;

/** One connection of a worker, as a cell sees it. */
export interface WorkerAtCell {
  token: string;
  /** Every frame so far, in order; each one is held against the contract as it comes. */
  frames: FromWorker[];
  /** The next frame of a kind that was not asked for yet. */
  next<T extends FromWorker["t"]>(t: T): Promise<Frame<T>>;
  send(frame: ToWorker): void;
  /** Cuts the connection without a word. */
  cut(): void;
  closed: Promise<number>;
}

export interface ScriptedCell {
  url: URL;
  /** Requests for tokens so far. */
  tokens: WorkerTokenRequest[];
  /** Life of the tokens that are given from now on; 0 refuses. */
  tokenLifeMs: number;
  /** The next connection, welcomed unless `welcome` is false. */
  connection(): Promise<WorkerAtCell>;
  welcome: boolean;
  stop(): Promise<void>;
}

/** A cell as far as workers see it: it gives tokens, takes connections, and says what a test makes it say. */
export async function scriptedCell(): Promise<ScriptedCell> {
  const tokens: WorkerTokenRequest[] = [];
  const connections: WorkerAtCell[] = [];
  const waiting: ((connection: WorkerAtCell) => void)[] = [];
  const server: Server = createServer(
    answering(async (request, response) => {
      const asked = await text(request);
      if (request.method !== "POST" || request.url !== "/v1/workers/token" || cell.tokenLifeMs === 0) {
        response.writeHead(401).end();
        return;
      }
      tokens.push(WorkerTokenRequest.parse(JSON.parse(asked)));
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ token: `token.${tokens.length}`, expires_ms: Date.now() + cell.tokenLifeMs }));
    }),
  );
  const sockets = new WebSocketServer({ server, path: "/v1/workers/connect", handleProtocols: () => WORKER_PROTOCOL });
  sockets.on("connection", (socket, request) => {
    const offered = (request.headers["sec-websocket-protocol"] ?? "").split(/, ?/);
    const token = offered.find((name) => name.startsWith(WORKER_TOKEN_PROTOCOL)) ?? "";
    const at = atCell(socket, token.slice(WORKER_TOKEN_PROTOCOL.length), cell);
    const take = waiting.shift();
    if (take) take(at);
    else connections.push(at);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // safe because: a server that listens on TCP has an address and a port
  const { port } = server.address() as AddressInfo;
  const cell: ScriptedCell = {
    url: new URL(`http://127.0.0.1:${port}`),
    tokens,
    tokenLifeMs: 600_000,
    welcome: true,
    connection: async () => connections.shift() ?? new Promise<WorkerAtCell>((resolve) => void waiting.push(resolve)),
    async stop() {
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return cell;
}

function atCell(socket: WebSocket, token: string, cell: Pick<ScriptedCell, "welcome">): WorkerAtCell {
  const frames: FromWorker[] = [];
  const unread: FromWorker[] = [];
  let wake: (() => void)[] = [];
  const closed = new Promise<number>((resolve) => socket.once("close", resolve));
  const send = (frame: ToWorker) => socket.send(JSON.stringify(frame));
  socket.on("message", (data) => {
    const frame = FromWorker.parse(JSON.parse(String(data)));
    frames.push(frame);
    unread.push(frame);
    if (frame.t === "hello" && cell.welcome)
      send({ t: "welcome", load_every_ms: 60_000, token_until_ms: Date.now() + 600_000 });
    if (frame.t === "ping") send({ t: "pong" });
    for (const resolve of wake.splice(0)) resolve();
  });
  return {
    ...{ token, frames, send, closed },
    cut: () => socket.terminate(),
    async next<T extends FromWorker["t"]>(t: T) {
      for (;;) {
        const at = unread.findIndex((frame) => frame.t === t);
        // safe because: `t` tells the frames apart
        if (at >= 0) return unread.splice(at, 1)[0] as Frame<T>;
        await new Promise<void>((resolve) => {
          wake = [...wake, resolve];
        });
      }
    },
  };
}
