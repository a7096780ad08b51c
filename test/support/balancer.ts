import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";

/** Spreads requests over edges, one after the other; an edge that is not `ready` gets no new ones. */
export interface Balancer {
  readonly url: string;
  /** Requests that each edge was given. */
  readonly given: readonly number[];
  /** Takes an edge out, or in again. */
  ready(edge: number, is: boolean): void;
  stop(): Promise<void>;
}

/** Asks every edge for `/readyz` this often, where it is to look by itself. */
const LOOK_EVERY_MS = 50;
const LOOK_MS_MAX = 10_000;

/**
 * A plain HTTP balancer: bytes pass as they come, both ways, and what either side breaks off is broken off on the other.
 * It makes no request twice. With `looks` it asks the edges whether they are ready, as balancers do.
 */
export async function startBalancer(
  edges: readonly string[],
  { looks = false, port = 0 }: { looks?: boolean; port?: number } = {},
): Promise<Balancer> {
  const given = edges.map(() => 0);
  const usable = edges.map(() => true);
  const sockets = new Set<Socket>();
  let turn = 0;

  function next(): number {
    for (let tried = 0; tried < edges.length; tried++) {
      const edge = turn++ % edges.length;
      if (usable[edge]) return edge;
    }
    return turn++ % edges.length;
  }
  function target(): URL {
    const edge = next();
    given[edge] = (given[edge] ?? 0) + 1;
    return new URL(edges[edge] ?? "");
  }

  function pass(incoming: IncomingMessage, answer: ServerResponse): void {
    const { hostname, port: at } = target();
    const { method, url: path, rawHeaders } = incoming;
    const headers = rawHeaders.filter(hopless(rawHeaders));
    let answered = false;
    const outgoing = request({ hostname, port: at, method, path, headers, agent: false }, (got) => {
      answered = true;
      answer.writeHead(got.statusCode ?? 502, got.rawHeaders.filter(hopless(got.rawHeaders)));
      got.pipe(answer);
      got.once("error", () => answer.destroy());
    });
    outgoing.on("error", () => {
      // An edge may answer before it has read the request, and read no further: its answer goes on, and says itself when
      // it breaks off.
      if (answered) incoming.unpipe(outgoing).resume();
      else if (!answer.headersSent) answer.writeHead(502).end();
    });
    answer.once("close", () => outgoing.destroy());
    incoming.pipe(outgoing);
  }

  const server = createServer(pass);
  // Sockets are joined byte by byte, from the request on.
  server.on("upgrade", (incoming: IncomingMessage, socket: Socket, head: Buffer) => {
    const { hostname, port: at } = target();
    const through = connect(Number(at), hostname, () => {
      const lines = incoming.rawHeaders.reduce(
        (text, part, index) => text + (index % 2 === 0 ? `${part}: ` : `${part}\r\n`),
        `${incoming.method} ${incoming.url} HTTP/1.1\r\n`,
      );
      through.write(`${lines}\r\n`);
      through.write(head);
      through.pipe(socket);
      socket.pipe(through);
    });
    through.once("error", () => socket.destroy());
    socket.once("error", () => through.destroy());
    through.once("close", () => socket.destroy());
    socket.once("close", () => through.destroy());
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.requestTimeout = 0;
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  let ended = false;
  /** An edge that says that it is not ready, or that nobody is behind, gets no more; one that is slow to say stays as it was. */
  const look = async (index: number): Promise<void> => {
    try {
      const answer = await fetch(`${edges[index]}/readyz`, { signal: AbortSignal.timeout(LOOK_MS_MAX) });
      usable[index] = answer.status === 200;
      await answer.body?.cancel();
    } catch (cause) {
      if (!(cause instanceof DOMException)) usable[index] = false;
    }
  };
  const watching = edges.map(async (_edge, index) => {
    while (looks && !ended) {
      await look(index);
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, // safe because: it listens on a port
    given,
    ready: (edge, is) => {
      usable[edge] = is;
    },
    async stop() {
      ended = true;
      await Promise.all(watching);
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Keeps pairs of a raw list that are not about one connection. */
const hopless =
  (raw: readonly string[]) =>
  (_text: string, index: number): boolean =>
    !["connection", "keep-alive"].includes((raw[index - (index % 2)] ?? "").toLowerCase());
