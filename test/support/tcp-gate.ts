import { connect, createServer, type Server, type Socket } from "node:net";

/**
 * How a gate treats its connections, old and new:
 * `open` passes everything; `slow` passes each piece after `slowMs`; `silent` takes what is sent and passes nothing;
 * `deaf` passes what callers send and loses every answer; `refused` breaks them and takes no new one.
 */
export type GateMode = "open" | "slow" | "silent" | "deaf" | "refused";

const SLOW_MS = 400;

/** Stands between a cell and a server on loopback, and does to their bytes what a bad network does. */
export class TcpGate {
  #mode: GateMode = "open";
  #server: Server | null = null;
  readonly #to: number;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  port = 0;
  /** Connections that were asked for so far. */
  asked = 0;

  readonly #host: string;

  private constructor(to: number, host: string) {
    this.#to = to;
    this.#host = host;
  }

  /** `host`: the loopback address that it listens on. */
  static async start(to: number, host = "127.0.0.1"): Promise<TcpGate> {
    const gate = new TcpGate(to, host);
    await gate.#listen();
    return gate;
  }

  get mode(): GateMode {
    return this.#mode;
  }

  /** From now on. Back to `open`, what was kept back in silence is lost and its connections are broken, as after a partition. */
  async set(mode: GateMode): Promise<void> {
    const was = this.#mode;
    this.#mode = mode;
    if (mode === "refused") await this.#close();
    else if (was === "refused") await this.#listen();
    if (mode === "open" && (was === "silent" || was === "deaf")) this.cut();
  }

  /** Breaks every connection. */
  cut(): void {
    for (const [one, other] of this.#pairs) {
      one.resetAndDestroy();
      other.resetAndDestroy();
    }
  }

  async stop(): Promise<void> {
    await this.#close();
  }

  async #listen(): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, (from) => this.#join(from));
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.port, this.#host, resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    this.port = address.port;
  }

  async #close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    this.cut();
    if (server !== null) await new Promise((resolve) => server.close(resolve));
  }

  #join(from: Socket): void {
    this.asked++;
    const to = connect({ port: this.#to, host: "127.0.0.1", allowHalfOpen: true });
    const pair = [from, to] as const;
    this.#pairs.add(pair);
    const over = () => {
      this.#pairs.delete(pair);
      from.destroy();
      to.destroy();
    };
    for (const socket of pair) socket.on("error", over).on("close", over);
    this.#pass(from, to, (mode) => mode !== "silent");
    this.#pass(to, from, (mode) => mode !== "silent" && mode !== "deaf");
  }

  /** Bytes keep their order: a slow piece holds back the pieces behind it. */
  #pass(from: Socket, to: Socket, passes: (mode: GateMode) => boolean): void {
    let before = Promise.resolve();
    const turn = (work: () => void) => {
      before = before.then(async () => {
        if (this.#mode === "slow") await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
        if (passes(this.#mode) && !to.destroyed) work();
      });
    };
    from.on("data", (bytes) => turn(() => void to.write(bytes)));
    from.on("end", () => turn(() => void to.end()));
  }
}
