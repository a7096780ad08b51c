import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** What nobody may reach: counts connections, and answers what an attacker would like to be read. */
export class Sink {
  /** Connections, whatever was said over them. */
  touched = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor() {
    this.#server = createServer((_request, response) => response.end('{"secret":"sink-canary-9f31"}'));
    this.#server.on("connection", (socket) => {
      this.touched++;
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
  }

  async start(host = "127.0.0.1"): Promise<this> {
    await new Promise<void>((ready) => this.#server.listen(0, host, ready));
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port; // safe because: it listens on TCP
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((done) => this.#server.close(() => done()));
  }
}
