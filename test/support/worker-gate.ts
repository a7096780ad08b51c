import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { type RawData, WebSocket, WebSocketServer } from "ws";
import { FromWorker, ToWorker } from "../../shared/contracts/worker-protocol.ts";

export type Way = "to_cell" | "to_worker";
type Frame = FromWorker | ToWorker;

/** Frames of one way that are kept back from one on. */
export interface Held {
  /** Resolves with the first frame that was kept back. */
  first: Promise<Frame>;
  /** Lets what was kept back go on, in order. */
  release(): void;
}

interface Hold {
  way: Way;
  of: (frame: Frame) => boolean;
  began: boolean;
  seen: (frame: Frame) => void;
  kept: (() => void)[];
}

interface Pair {
  worker: WebSocket;
  cell: WebSocket;
}

/**
 * Stands between workers and their cell, and keeps back what a test names: the moment between two frames lasts as long as
 * the test wants. Connections can be broken, or go silent with both ends open.
 */
export class WorkerGate {
  readonly url: string;
  readonly #server: ReturnType<typeof createServer>;
  readonly #pairs = new Set<Pair>();
  #holds: Hold[] = [];
  #silent = false;

  private constructor(server: ReturnType<typeof createServer>, port: number) {
    this.#server = server;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async start(cell: { readonly url: string }): Promise<WorkerGate> {
    const server = createServer((request, response) => void passOn(cell.url, request, response));
    const sockets = new WebSocketServer({ server, handleProtocols: ([first]) => first ?? false });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const gate = new WorkerGate(server, address.port);
    sockets.on("connection", (worker, request) => {
      const offered = String(request.headers["sec-websocket-protocol"] ?? "").split(",");
      const to = `${cell.url.replace("http", "ws")}${request.url ?? ""}`;
      const at = new WebSocket(
        to,
        offered.map((name) => name.trim()),
      );
      gate.#join({ worker, cell: at });
    });
    return gate;
  }

  /** Keeps back every frame of `way` from the first that `of` accepts. */
  hold(way: Way, of: (frame: Frame) => boolean): Held {
    const first = Promise.withResolvers<Frame>();
    const hold: Hold = { way, of, began: false, seen: first.resolve, kept: [] };
    this.#holds.push(hold);
    return {
      first: first.promise,
      release: () => {
        this.#holds = this.#holds.filter((each) => each !== hold);
        for (const send of hold.kept.splice(0)) send();
      },
    };
  }

  /** Breaks every connection. */
  cut(): void {
    for (const { worker, cell } of this.#pairs) {
      worker.terminate();
      cell.terminate();
    }
  }

  /** Nothing passes any more and nobody is told; `cut` ends that. */
  silence(silent: boolean): void {
    this.#silent = silent;
  }

  async stop(): Promise<void> {
    this.cut();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(pair: Pair): void {
    const { worker, cell } = pair;
    this.#pairs.add(pair);
    const early: (() => void)[] = [];
    const way = (name: Way, from: WebSocket, to: WebSocket) => {
      from.on("message", (data) => {
        const send = () => {
          if (to.readyState === WebSocket.OPEN) to.send(text(data));
        };
        const pass = () => this.#pass(name, text(data), send);
        if (to.readyState === WebSocket.CONNECTING) early.push(pass);
        else pass();
      });
      from.on("close", (code) => {
        this.#pairs.delete(pair);
        // Codes that no endpoint may send, such as 1006, end the other side without one.
        if (code === 1000 || (code >= 3_000 && code < 5_000)) to.close(code);
        else to.terminate();
      });
      from.on("error", () => to.terminate());
    };
    way("to_cell", worker, cell);
    way("to_worker", cell, worker);
    cell.on("open", () => {
      for (const pass of early.splice(0)) pass();
    });
  }

  #pass(way: Way, message: string, send: () => void): void {
    if (this.#silent) return;
    const frame = (way === "to_cell" ? FromWorker : ToWorker).parse(JSON.parse(message));
    for (const hold of this.#holds) {
      if (hold.way !== way || !(hold.began || hold.of(frame))) continue;
      if (!hold.began) hold.seen(frame);
      hold.began = true;
      hold.kept.push(send);
      return;
    }
    send();
  }
}

const text = (data: RawData): string =>
  (Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as Buffer)).toString(); // safe because: `ws` hands buffers out

/** Tokens are asked for over HTTP. */
async function passOn(cell: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const body = await buffer(request);
    const answer = await fetch(`${cell}${request.url ?? ""}`, {
      method: request.method ?? "GET",
      headers: { "content-type": request.headers["content-type"] ?? "application/json" },
      ...(body.length > 0 ? { body } : {}),
    });
    response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "application/json" });
    response.end(Buffer.from(await answer.arrayBuffer()));
  } catch {
    response.destroy();
  }
}
