import { WebSocket } from "ws";
import { type FromSubscriber, TASK_SOCKET_PROTOCOL, ToSubscriber } from "../../shared/contracts/task-socket.ts";

type Of<T extends ToSubscriber["type"]> = Extract<ToSubscriber, { type: T }>;
export type SocketEvent = Of<"token" | "partial" | "done" | "error">;
const EVENTS: readonly ToSubscriber["type"][] = ["token", "partial", "done", "error"];
const WAIT_MS = 20_000;

/** A client of `/v1/ws` over a real connection; answers pings unless told not to. */
export class TaskSocketClient {
  readonly #socket: WebSocket;
  readonly #messages: ToSubscriber[] = [];
  #wake: (() => void) | null = null;
  /** Resolves with the close code. */
  readonly closed: Promise<number>;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.on("close", (code) => resolve(code)));
    socket.on("message", (data) => {
      const message = ToSubscriber.parse(JSON.parse(String(data)));
      if (message.type === "ping") return this.say({ type: "pong", id: message.id });
      this.#messages.push(message);
      this.#wake?.();
    });
  }

  /** Rejects with the HTTP status where the connection is refused. */
  static async connect(
    cellUrl: string,
    { key, offered = [TASK_SOCKET_PROTOCOL] }: { key?: string; offered?: string[] } = {},
  ): Promise<TaskSocketClient> {
    const socket = new WebSocket(`${cellUrl.replace("http", "ws")}/v1/ws`, offered, {
      headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
    });
    const client = new TaskSocketClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.on("open", () => resolve());
      socket.on("unexpected-response", (_request, response) => {
        response.resume();
        reject(new Error(`refused with ${response.statusCode}`));
      });
      socket.on("error", reject);
    });
    return client;
  }

  /** The subprotocol that the cell chose. */
  get protocol(): string {
    return this.#socket.protocol;
  }

  say(message: FromSubscriber): void {
    this.#socket.send(JSON.stringify(message));
  }
  raw(text: string): void {
    this.#socket.send(text);
  }

  /** The next message of one of these kinds; earlier ones of others stay for whoever waits for them. */
  async next<T extends ToSubscriber["type"]>(...kinds: T[]): Promise<Of<T>> {
    const until = Date.now() + WAIT_MS;
    for (;;) {
      const at = this.#messages.findIndex(({ type }) => kinds.some((kind) => kind === type));
      const [found] = at < 0 ? [] : this.#messages.splice(at, 1);
      if (found) return found as Of<T>; // safe because: its kind was just compared
      if (Date.now() > until) throw new Error(`no ${kinds.join(" or ")} came`);
      await Promise.race([
        new Promise<void>((resolve) => {
          this.#wake = resolve;
        }),
        new Promise((resolve) => setTimeout(resolve, 500)),
      ]);
    }
  }

  /** Subscribed, or refused. */
  subscribe(task: string, startingAfter?: number): Promise<Of<"subscribed" | "refused">> {
    this.say({
      ...{ type: "subscribe", task: task as never }, // safe because: the cell judges what is no task
      ...(startingAfter === undefined ? {} : { starting_after: startingAfter }),
    });
    return this.next("subscribed", "refused");
  }

  /** Events up to the end of one task; of others too where several are followed. */
  async toTheEnd(): Promise<SocketEvent[]> {
    const events: SocketEvent[] = [];
    for (;;) {
      const event = await this.next("token", "partial", "done", "error");
      events.push(event);
      if (event.type === "done" || event.type === "error") return events;
    }
  }

  /** Events that came and nobody asked for yet. */
  get unasked(): readonly ToSubscriber[] {
    return this.#messages.filter(({ type }) => EVENTS.includes(type));
  }

  close(): void {
    this.#socket.close();
  }
}
