import { LIMITS } from "../shared/contracts/limits.ts";
import type { Clock } from "../shared/contracts/ports/clock.ts";
import type { Log } from "../shared/contracts/ports/telemetry.ts";
import {
  type FromWorker,
  ToWorker,
  WORKER_PROTOCOL,
  WORKER_TOKEN_PROTOCOL,
  type WorkerToken,
} from "../shared/contracts/worker-protocol.ts";
import { Backoff, pause } from "./backoff.ts";

type Hello = Extract<FromWorker, { t: "hello" }>;
type Welcome = Extract<ToWorker, { t: "welcome" }>;
/** Frames that are about tasks, and `drain`. */
export type TaskFrame = Exclude<ToWorker, { t: "welcome" | "pong" }>;

export interface ConnectionOptions {
  cell: URL;
  token: (signal: AbortSignal) => Promise<WorkerToken>;
  hello: () => Hello;
  /** The cell welcomed this worker; frames may be sent. */
  up: (welcome: Welcome) => void;
  /** Nothing arrives any more; what was sent and not answered may be lost. */
  down: () => void;
  frame: (frame: TaskFrame) => void;
  log: Log;
  clock: Clock;
  random: () => number;
  /** The platform's WebSocket. */
  connect?: (url: string, protocols: string[]) => WebSocket;
}

/** A token is renewed when this share of its life is left. */
const RENEW_AT = 0.25;
/** A connection that lived for so long was a good one: the next failure begins with short waits again. */
const GOOD_MS = 10_000;

/** The one connection of a worker to its cell: kept up for as long as it runs, one attempt at a time. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #backoff: Backoff;
  #socket: WebSocket | null = null;
  #welcomed = false;
  #token: WorkerToken | null = null;
  #tokenLifeMs = 0;
  /** Ends the attempt under way. */
  #over: ((why: string) => void) | null = null;
  #heardMs = 0;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#backoff = new Backoff(LIMITS.workerReconnectMsMin, LIMITS.workerReconnectMsMax, options.random);
  }

  get isUp(): boolean {
    return this.#welcomed;
  }

  /** Frames are sent in order; without a connection they are lost, and `down` was called or will be. */
  send(frame: FromWorker): void {
    if (this.#socket?.readyState === WebSocket.OPEN && (this.#welcomed || frame.t === "hello"))
      this.#socket.send(JSON.stringify(frame));
  }

  /** Connects again, elsewhere if the cell has more than one edge. */
  reconnect(why: string): void {
    this.#over?.(why);
  }

  /** Keeps the connection up until `signal` aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { log, clock } = this.#options;
    while (!signal.aborted) {
      const startedMs = clock.now();
      const why = await this.#once(signal);
      if (signal.aborted) return;
      if (clock.now() - startedMs >= GOOD_MS) this.#backoff.reset();
      const waitMs = this.#backoff.next();
      log.warn("worker.disconnected", { why, wait_ms: waitMs });
      await pause(waitMs, signal);
    }
  }

  /** One connection from its token to its end; answers why it ended. */
  async #once(signal: AbortSignal): Promise<string> {
    let token: WorkerToken;
    try {
      token = await this.#freshToken(signal);
    } catch (cause) {
      this.#options.log.error("worker.token", cause);
      return "no token";
    }
    const url = new URL("/v1/workers/connect", this.#options.cell);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const connect = this.#options.connect ?? ((to, protocols) => new WebSocket(to, protocols));
    const socket = connect(url.href, [WORKER_PROTOCOL, `${WORKER_TOKEN_PROTOCOL}${token.token}`]);
    this.#socket = socket;
    const life = new AbortController();
    const ended = new Promise<string>((resolve) => {
      this.#over = resolve;
      socket.addEventListener("close", ({ code }) => resolve(`closed with ${code}`));
      socket.addEventListener("error", () => resolve("it failed"));
      signal.addEventListener("abort", () => resolve("the worker ends"), { once: true, signal: life.signal });
    });
    socket.addEventListener("open", () => this.send(this.#options.hello()), { once: true });
    socket.addEventListener("message", ({ data }) => this.#message(data));
    const welcomeBy = setTimeout(() => {
      if (!this.#welcomed) this.#over?.("no welcome");
    }, LIMITS.workerWelcomeMsMax);
    this.#heardMs = this.#options.clock.now();
    const ping = setInterval(() => this.#ping(), LIMITS.workerPingMs);
    void this.#renew(life.signal);
    const why = await ended;
    clearTimeout(welcomeBy);
    clearInterval(ping);
    life.abort();
    this.#over = null;
    this.#socket = null;
    // A token that did not get through may be revoked, or made by a key that is gone.
    if (!this.#welcomed) this.#token = null;
    socket.close();
    if (this.#welcomed) {
      this.#welcomed = false;
      this.#options.down();
    }
    return why;
  }

  #message(data: unknown): void {
    if (this.#over === null) return;
    this.#heardMs = this.#options.clock.now();
    const frame = typeof data === "string" ? parse(data) : null;
    // A frame that is not understood may have been the one that ends a task.
    if (frame === null) this.#over("a frame is not of this protocol");
    else if (frame.t === "welcome") {
      const again = this.#welcomed;
      this.#welcomed = true;
      if (!again) this.#options.up(frame);
    } else if (frame.t !== "pong" && this.#welcomed) this.#options.frame(frame);
  }

  #ping(): void {
    if (this.#options.clock.now() - this.#heardMs >= LIMITS.workerSilenceMsMax) this.#over?.("silence");
    else this.send({ t: "ping" });
  }

  async #freshToken(signal: AbortSignal): Promise<WorkerToken> {
    if (this.#token !== null && this.#renewInMs(this.#token) > 0) return this.#token;
    const token = await this.#options.token(signal);
    this.#token = token;
    this.#tokenLifeMs = token.expires_ms - this.#options.clock.now();
    return token;
  }

  #renewInMs({ expires_ms }: WorkerToken): number {
    return expires_ms - this.#tokenLifeMs * RENEW_AT - this.#options.clock.now();
  }

  /** Replaces the token on the connection before it ends; the cell closes a connection whose token ended. */
  async #renew(signal: AbortSignal): Promise<void> {
    const retry = new Backoff(LIMITS.workerReconnectMsMin, LIMITS.workerReconnectMsMax, this.#options.random);
    while (!signal.aborted && this.#token !== null) {
      await pause(Math.max(0, this.#renewInMs(this.#token)), signal);
      if (signal.aborted) return;
      try {
        const { token } = await this.#freshToken(signal);
        retry.reset();
        this.send({ t: "auth", token });
      } catch (cause) {
        if (signal.aborted) return;
        this.#options.log.error("worker.token", cause);
        await pause(retry.next(), signal);
      }
      // A cell that gives tokens of no life is not asked in a loop.
      if (this.#tokenLifeMs <= 0) await pause(retry.next(), signal);
    }
  }
}

function parse(text: string): ToWorker | null {
  try {
    return ToWorker.parse(JSON.parse(text));
  } catch {
    // Not quoted: it may hold a request.
    return null;
  }
}
