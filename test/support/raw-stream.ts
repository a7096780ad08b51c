import { type IncomingMessage, request } from "node:http";
import type { Ask, Lab } from "./lab.ts";

/** A stream as its bytes tell it, event by event; unlike `fetch` it loses nothing that came before a connection broke. */
export class RawStream {
  readonly task: string;
  readonly status: number;
  /** Data of each event so far. */
  readonly data: string[] = [];
  /** `id:` of each event so far, null where it has none. */
  readonly ids: (number | null)[] = [];
  /** How its bytes ended: `cut` is a destroyed connection. Null while they come. */
  end: "clean" | "cut" | null = null;
  readonly #response: IncomingMessage;
  #held = "";
  #wake: () => void = () => undefined;

  private constructor(response: IncomingMessage) {
    this.#response = response;
    this.status = response.statusCode ?? 0;
    this.task = String(response.headers["x-bailiwick-task"] ?? "");
    const over = (end: "clean" | "cut") => {
      this.end ??= end;
      this.#wake();
    };
    response.setEncoding("utf8").on("data", (text: string) => {
      this.#take(text);
      this.#wake();
    });
    response.on("end", () => over("clean"));
    response.on("error", () => over("cut"));
    response.on("close", () => over("cut"));
  }

  /** Resolves with the head of the answer. */
  static open(
    lab: Lab,
    path: string,
    { key, body, headers = {} }: Pick<Ask, "key" | "body" | "headers">,
  ): Promise<RawStream> {
    return new Promise((resolve, reject) => {
      const asked = request(`${lab.cell.url}${path}`, {
        method: body === undefined ? "GET" : "POST",
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers },
        agent: false,
      });
      asked.on("response", (response) => resolve(new RawStream(response)));
      asked.on("error", reject);
      asked.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** Waits until there are so many events, or the end. */
  async read(events = Number.POSITIVE_INFINITY): Promise<this> {
    while (this.data.length < events && this.end === null)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    return this;
  }

  /** Goes away. */
  leave(): void {
    this.#response.destroy();
  }

  /** The text that its events add up to: of chat, completions and tasks. */
  get text(): string {
    return this.data.map(textIn).join("");
  }
  /** Whether the last event says that nothing follows, as only a whole answer does. */
  get complete(): boolean {
    return this.data.at(-1) === "[DONE]";
  }
  /** The error that the last event tells, or null. */
  get error(): string | null {
    const last = this.data.at(-1) ?? "{}";
    return last === "[DONE]" ? null : (JSON.parse(last).error?.code ?? null);
  }

  #take(text: string): void {
    const events = (this.#held + text).split("\n\n");
    this.#held = events.pop() ?? "";
    for (const event of events) {
      const field = (name: string) =>
        event
          .split("\n")
          .find((line) => line.startsWith(`${name}: `))
          ?.slice(name.length + 2);
      const data = field("data");
      if (data === undefined) continue;
      this.data.push(data);
      const id = field("id");
      this.ids.push(id === undefined ? null : Number(id));
    }
  }
}

function textIn(data: string): string {
  if (data === "[DONE]") return "";
  const { choices, text, delta } = JSON.parse(data);
  if (typeof text === "string") return text;
  if (typeof delta === "string") return delta;
  const [choice] = Array.isArray(choices) ? choices : [];
  return choice?.delta?.content ?? choice?.text ?? "";
}
