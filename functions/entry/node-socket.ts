import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Handler } from "../app.ts";
import { bindSocket, type PlatformSocket } from "./web-socket.ts";

/** An answer that stands for a connection that is an answer no more. */
const TAKEN = () => new Response(null);

/**
 * WebSockets of a Node server. Requests that ask for one go through the same handler as any other; what it refuses is
 * answered over the plain connection. Answers the function that ends all sockets.
 */
export function serveSockets(
  server: Server,
  { handle, scheme, onError }: { handle: Handler; scheme: "http" | "https"; onError(cause: unknown): void },
): () => void {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: LIMITS.workerMessageBytesMax,
    perMessageDeflate: false,
    handleProtocols: (_offered, request) => chosen.get(request) ?? false,
  });
  const chosen = new WeakMap<IncomingMessage, string>();
  server.on("upgrade", (incoming: IncomingMessage, connection: Duplex, head: Buffer) => {
    connection.on("error", () => connection.destroy());
    void upgrade(incoming, connection, head).catch((cause: unknown) => {
      onError(cause);
      connection.destroy();
    });
  });

  async function upgrade(incoming: IncomingMessage, connection: Duplex, head: Buffer): Promise<void> {
    const headers = new Headers();
    for (const [name, value] of Object.entries(incoming.headersDistinct))
      for (const one of value ?? []) headers.append(name, one);
    const request = new Request(new URL(incoming.url ?? "/", `${scheme}://${incoming.headers.host ?? "localhost"}`), {
      headers,
    });
    let taken = false;
    const response = await handle(request, {
      ...{ source: incoming.socket.remoteAddress ?? null, disconnected: request.signal },
      defer: (work) => void work.catch(onError),
      upgrade(protocol, accept) {
        taken = true;
        chosen.set(incoming, protocol);
        sockets.handleUpgrade(incoming, connection, head, (socket: WebSocket) =>
          // safe because: ws gives the listeners and members of the platform's WebSocket
          bindSocket(socket as unknown as PlatformSocket, accept),
        );
        return TAKEN();
      },
    });
    if (!taken) await refuse(connection, response);
  }

  return () => {
    for (const socket of sockets.clients) socket.terminate();
  };
}

async function refuse(connection: Duplex, response: Response): Promise<void> {
  const body = new Uint8Array(await response.arrayBuffer());
  const headers = new Headers(response.headers);
  headers.set("content-length", String(body.byteLength));
  headers.set("connection", "close");
  const lines = [...headers].map(([name, value]) => `${name}: ${value}\r\n`);
  connection.write(`HTTP/1.1 ${response.status} ${response.statusText}\r\n${lines.join("")}\r\n`);
  connection.end(body);
}
