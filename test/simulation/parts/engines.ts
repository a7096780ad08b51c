import { EngineFailed, type LocalEngine, type LocalRequest } from "../../../gpu-workers/engines/engine.ts";
import { isJsonObject, type JsonObject } from "../../../shared/contracts/json.ts";
import { bridged, callInto, Unreachable } from "../world/network.ts";
import { Process, type World } from "../world/world.ts";

/** What one engine said, or was about to say, to one request. No two say the same. */
export interface Generation {
  id: string;
  /** Who asked, and what: the marks of the prompt. */
  tenant: string;
  prompt: string;
  /** What else its request said: the prompts of a conversation that it goes on with. */
  heard: readonly string[];
  lane: "near" | "far" | "pool";
  /** Where whoever asked it is. */
  cell: string;
  /** The life of a process that asked; null at the server beside a worker. */
  asker: Process | null;
  /** When all that was said had come to who asked; null while it has not. */
  heardMs: number | null;
  /** Of a pool's generation. */
  task: string | null;
  words: string[];
  startedMs: number;
  /** Whether the engine said everything, and how much it counts. */
  finished: boolean;
  /** The engine answered an error in place of it: nothing was done. */
  refused: boolean;
  prompt_tokens: number;
}

type By = Pick<Generation, "lane" | "task" | "cell" | "asker">;

/** A mark that a prompt carries, so that whatever comes back can be told. */
const MARK = /\[([a-z]+) (q\d+)\]/g;
export const mark = (tenant: string, prompt: string): string => `[${tenant} ${prompt}]`;

type Fault = "none" | "status" | "reset" | "cut" | "truncate" | "hang" | "slow";
const FAULTS: readonly Fault[] = ["status", "reset", "cut", "truncate", "hang", "slow"];
/** A model that takes ten seconds over an answer, as large ones do, in place of some hundred milliseconds. */
const SLOW = 60;
const encoder = new TextEncoder();
const data = (frame: JsonObject | string): string =>
  `data: ${typeof frame === "string" ? frame : JSON.stringify(frame)}\n\n`;

/** Every engine of the world: providers that cells call, and servers beside workers. */
export class Engines {
  readonly generations: Generation[] = [];
  readonly #world: World;
  readonly #near = new Process("near");
  readonly #far = new Process("far");
  /** Told of each generation that begins. */
  onStart: (generation: Generation) => void = () => {};

  readonly #slow: boolean;

  constructor(world: World, slow: boolean) {
    this.#world = world;
    this.#slow = slow;
  }

  /** `Egress.operatorFetch` of a process of the cell. */
  async fetch(url: string, init: RequestInit, cell: string): Promise<Response> {
    const from = this.#world.current;
    const keeper = url.includes("far") ? this.#far : this.#near;
    const body: unknown = JSON.parse(String(init.body));
    if (!isJsonObject(body)) throw new TypeError("an engine is sent an object");
    const signal = init.signal ?? null;
    const path = {
      name: `engine.${keeper.name}`,
      lost: 0.02,
      slow: 0.05,
      failure: (why: string) => new TypeError(why),
    };
    const asked = callInto(
      this.#world,
      () => keeper,
      path,
      () => this.#answer(body, { lane: keeper === this.#far ? "far" : "near", task: null, cell, asker: from }),
    );
    const answer = await abortable(asked, signal);
    const stream = bridged(this.#world, answer.stream, keeper, from, undefined, () => {
      answer.generation.heardMs = this.#world.now();
    });
    return new Response(signal ? endedBy(stream, signal) : stream, {
      status: answer.status,
      headers: { "content-type": answer.type },
    });
  }

  /** The server beside one worker; `lane` says how it may fail. */
  local(kind: "openai", cell: string): LocalEngine {
    return {
      describe: async () => ({
        ...{ kind, version: null, models: [{ id: "pooled", digest: null }] },
        ...{ dialects: ["openai.chat"], continuation: false },
      }),
      load: async () => ({ ready: true, running: 0, waiting: 0, cache: null }),
      execute: (request, signal) => this.#local(request, signal, cell),
    };
  }

  async *#local(request: LocalRequest, signal: AbortSignal, cell: string) {
    const { body } = request;
    const generation = this.#begin(body, { lane: "pool", task: request.task, cell, asker: null });
    const fault = this.#fault(0.12);
    await this.#think(fault);
    if (fault === "hang")
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    if (signal.aborted) throw new EngineFailed({ reason: "canceled" });
    if (fault === "status") throw new EngineFailed({ reason: "overloaded", status: 503 });
    if (fault === "reset") throw new EngineFailed({ reason: "unreachable" });
    yield { kind: "head" } as const;
    const pieces = cut(this.#pieces(generation, body, fault), this.#world);
    for (const piece of pieces) {
      await this.#pause(this.#world.random.between(1, 40) * this.#pace);
      if (signal.aborted) throw new EngineFailed({ reason: "canceled" });
      if (piece === null) throw new EngineFailed({ reason: "unreachable" });
      yield { kind: "chunk", raw: piece } as const;
    }
  }

  #begin(body: JsonObject, by: By): Generation {
    const { lane, task } = by;
    // A conversation ends with what is asked now.
    const marks = [...JSON.stringify(body).matchAll(MARK)];
    const [, tenant = "?", prompt = "?"] = marks.at(-1) ?? [];
    const heard = [...new Set(marks.map(([, , one = "?"]) => one))].filter((one) => one !== prompt);
    const id = `g${this.generations.length + 1}`;
    const asked = Number(body.max_completion_tokens ?? body.max_tokens ?? 12);
    const count = Math.min(asked, 1 + this.#world.random.below(12));
    const generation: Generation = {
      ...{ ...by, id, tenant, prompt, heard, startedMs: this.#world.now() },
      ...{ heardMs: null, finished: false, refused: false },
      words: Array.from({ length: count }, (_, at) => `${id}.${at}/${count}[${tenant}-${prompt}]`),
      prompt_tokens: 1 + this.#world.random.below(8),
    };
    this.generations.push(generation);
    this.#world.note(`engine ${lane} begins ${id} for ${tenant} ${prompt}${task === null ? "" : ` (${task})`}`);
    this.onStart(generation);
    return generation;
  }

  async #answer(
    body: JsonObject,
    by: By,
  ): Promise<{ generation: Generation; status: number; type: string; stream: ReadableStream<Uint8Array> }> {
    const fault = this.#fault(0.15);
    if (fault === "reset") throw new TypeError("connection reset");
    const generation = this.#begin(body, by);
    await this.#think(fault);
    if (fault === "hang") await new Promise<never>(() => {});
    if (fault === "status") {
      generation.refused = true;
      const status = this.#world.random.pick([429, 500, 503]);
      const text = JSON.stringify({ error: { message: "as told", type: "server_error", code: null, param: null } });
      return { generation, status, type: "application/json", stream: this.#stream([encoder.encode(text)]) };
    }
    const type = body.stream === true ? "text/event-stream" : "application/json";
    return {
      generation,
      status: 200,
      type,
      stream: this.#stream(cut(this.#pieces(generation, body, fault), this.#world)),
    };
  }

  /** The bytes of the answer; null where the connection breaks. */
  #pieces(generation: Generation, body: JsonObject, fault: Fault): (string | null | (() => void))[] {
    const { id, words, prompt_tokens } = generation;
    const usage = { prompt_tokens, completion_tokens: words.length, total_tokens: prompt_tokens + words.length };
    const head = { id, created: 1, model: String(body.model) };
    const done = () => {
      generation.finished = true;
    };
    const choice = (more: JsonObject, finish_reason: string | null) => ({ index: 0, ...more, finish_reason });
    if (body.stream !== true) {
      const message = { role: "assistant", content: words.join(" ") };
      const text = JSON.stringify({
        ...head,
        object: "chat.completion",
        choices: [choice({ message }, "stop")],
        usage,
      });
      return fault === "cut" ? [text.slice(0, text.length / 2), null] : [text, done];
    }
    const chunk = (choices: JsonObject[], more: JsonObject = {}) =>
      data({ ...head, object: "chat.completion.chunk", choices, ...more });
    const said = words.map((word, at) => chunk([choice({ delta: { content: at === 0 ? word : ` ${word}` } }, null)]));
    const breaks = this.#world.random.below(said.length + 1);
    if (fault === "cut") return [...said.slice(0, breaks), null];
    if (fault === "truncate") return said.slice(0, breaks);
    return [...said, chunk([choice({ delta: {} }, "stop")]), chunk([], { usage }), data("[DONE]"), done];
  }

  #stream(pieces: Iterable<Uint8Array | null>): ReadableStream<Uint8Array> {
    const rest = pieces[Symbol.iterator]();
    const pause = (ms: number) => this.#pause(ms);
    const { random } = this.#world;
    const pace = this.#pace;
    return new ReadableStream({
      async pull(controller) {
        await pause(random.between(0.5, 30) * pace);
        const { done, value } = rest.next();
        if (done) controller.close();
        else if (value === null) controller.error(new Unreachable("the engine's connection broke"));
        else controller.enqueue(value);
      },
    });
  }

  get #pace(): number {
    return this.#slow ? SLOW : 1;
  }
  #fault(share: number): Fault {
    const { random, faults } = this.#world;
    const kinds = this.#slow ? [...FAULTS, "truncate" as const] : FAULTS;
    return faults && random.chance(share) ? random.pick(kinds) : "none";
  }
  #think(fault: Fault): Promise<void> {
    const { random } = this.#world;
    const ms = random.between(1, 300) * (this.#slow ? SLOW / 2 : 1);
    return this.#pause(fault === "slow" ? random.between(2_000, 45_000) : ms);
  }
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms));
  }
}

/** The same bytes in pieces of any length, with what happens in between. */
function* cut(parts: readonly (string | null | (() => void))[], world: World): Generator<Uint8Array | null> {
  for (const part of parts) {
    if (typeof part === "function") part();
    else if (part === null) {
      yield null;
      return;
    } else {
      const bytes = encoder.encode(part);
      const at = world.random.chance(0.3) ? world.random.below(bytes.length) : 0;
      if (at > 0) yield bytes.slice(0, at);
      yield bytes.slice(at);
    }
  }
}

function abortable<T>(work: Promise<T>, signal: AbortSignal | null): Promise<T> {
  if (signal === null) return work;
  if (signal.aborted) return Promise.reject(signal.reason);
  const { promise, reject } = Promise.withResolvers<never>();
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  return Promise.race([work, promise]);
}

/** As a platform's fetch: aborting errors the body. */
function endedBy(stream: ReadableStream<Uint8Array>, signal: AbortSignal): ReadableStream<Uint8Array> {
  const reader = stream.getReader();
  return new ReadableStream({
    start(controller) {
      signal.addEventListener(
        "abort",
        () => {
          void reader.cancel().catch(() => "it is over");
          controller.error(signal.reason);
        },
        { once: true },
      );
    },
    async pull(controller) {
      const { done, value } = await reader.read();
      if (signal.aborted) return;
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
}
