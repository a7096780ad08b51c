import { copied } from "./copied.ts";
import type { Process, World } from "./world.ts";

/** The other side did not answer: whether it did what was asked is not known. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
}

/** How badly a path between two processes behaves while faults are on. */
export interface Path {
  name: string;
  /** Share of the requests that never arrive, and of the answers that never come back. */
  lost: number;
  /** Share that takes seconds. */
  slow: number;
  /** What the caller is told. */
  failure(why: string): Error;
  /** Told of a method that was carried out, before its caller is. */
  done?: (method: string) => void;
}

const HOP_MS = { min: 0.05, max: 3, slowMin: 200 } as const;
/** How long a caller waits until it gives a lost call up. */
const GIVE_UP_MS = { min: 50, max: 8_000 } as const;

export function hopMs(world: World, slow: number): number {
  const late = world.faults && world.random.chance(slow);
  return late ? world.random.between(HOP_MS.slowMin, world.lateMsMax) : world.random.between(HOP_MS.min, HOP_MS.max);
}

/**
 * A call into another process: it arrives late, never, or after others; its answer likewise. What the callee began goes
 * on when the answer is lost. When either dies the other learns of it late.
 */
export function callInto<T>(
  world: World,
  to: () => Process | null,
  path: Path,
  run: (to: Process) => Promise<T> | T,
): Promise<T> {
  const from = world.current;
  const { random } = world;
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  let over = false;
  const failAfter = (ms: number, why: string) =>
    world.after(ms, from, () => {
      if (over) return;
      over = true;
      reject(path.failure(why));
    });
  const lose = (what: string) => {
    world.note(`${path.name}: ${what} lost`);
    failAfter(random.between(GIVE_UP_MS.min, GIVE_UP_MS.max), `the ${what} was lost`);
  };
  if (world.faults && random.chance(path.lost)) {
    lose("request");
    return promise;
  }
  // The request is on its way whether or not its sender lives on.
  world.after(hopMs(world, path.slow), world.wire, () => {
    const callee = to();
    if (callee === null || !callee.alive) return failAfter(hopMs(world, 0), "nobody is there");
    // It may be stopped, and die before it hears of the request.
    const forget = callee.onEnd(() => failAfter(random.between(1, 2_000), "it died"));
    world.after(0, callee, () => {
      const answer = (give: () => void) => {
        forget();
        if (world.faults && random.chance(path.lost)) return lose("answer");
        world.after(hopMs(world, path.slow), from, () => {
          if (over) return;
          over = true;
          give();
        });
      };
      new Promise<T>((done) => done(run(callee))).then(
        (value) => answer(() => resolve(value)),
        (cause: unknown) => answer(() => reject(cause)),
      );
    });
  });
  return promise;
}

/** Items in order from one process to another. After `end` or `fail`, and once the sender died, nothing more arrives. */
export class Lane<T> {
  readonly #world: World;
  readonly #to: Process;
  readonly #slow: number;
  #lastAt = 0;
  #cut = false;

  constructor(world: World, to: Process, slow: number) {
    [this.#world, this.#to, this.#slow] = [world, to, slow];
  }

  send(item: T, receive: (item: T) => void): void {
    const at = Math.max(this.#world.now() + hopMs(this.#world, this.#slow), this.#lastAt + 0.001);
    this.#lastAt = at;
    this.#world.after(at - this.#world.now(), this.#to, () => {
      if (!this.#cut) receive(item);
    });
  }

  /** What is on its way does not arrive. */
  cut(): void {
    this.#cut = true;
  }
}

/** A byte or object stream as another process reads it: in order, to its end, or broken off. */
export function bridged<T>(
  world: World,
  source: ReadableStream<T>,
  from: Process,
  to: Process,
  failure: Path["failure"] = (why) => new Unreachable(why),
  arrived: () => void = () => {},
): ReadableStream<T> {
  const reader = source.getReader();
  const lane = new Lane<() => void>(world, to, 0.01);
  let feed: ReadableStreamDefaultController<T> | null = null;
  let over = false;
  const deliver = (give: (controller: ReadableStreamDefaultController<T>) => void, last: boolean) =>
    lane.send(
      () => {
        if (over || feed === null) return;
        over = last;
        give(feed);
      },
      (run) => run(),
    );
  from.onEnd(() => {
    lane.cut();
    world.after(world.random.between(1, 2_000), to, () => {
      if (over) return;
      over = true;
      feed?.error(failure("the sender died"));
    });
  });
  const stop = () => world.after(hopMs(world, 0.05), from, () => void reader.cancel().catch(() => "it is over"));
  to.onEnd(stop);
  const body = new ReadableStream<T>({
    start(controller) {
      feed = controller;
    },
    cancel() {
      over = true;
      stop();
    },
  });
  // Reading is the sender's own work.
  world.after(0, from, () => {
    const pump = async (): Promise<void> => {
      for (;;) {
        const { done, value } = await reader.read();
        if (done)
          return deliver((controller) => {
            arrived();
            controller.close();
          }, true);
        const copy = copied(value);
        deliver((controller) => controller.enqueue(copy), false);
      }
    };
    pump().catch((cause: unknown) => deliver((controller) => controller.error(cause), true));
  });
  return body;
}

/** A port whose methods run in another process. Arguments and answers are copies; streams are carried over. */
export function remotePort<T extends object>(
  world: World,
  path: Path,
  target: () => { process: Process; port: T } | null,
): T {
  const call = (method: string, given: unknown[]) => {
    const from = world.current;
    const sent = copied(given);
    const name = `${from.name} → ${path.name}.${method}`;
    let found: ReturnType<typeof target> = null;
    // Asked once, when the request arrives: whoever is there then does all of it.
    const to = () => {
      found = target();
      return found?.process ?? null;
    };
    return callInto(world, to, { ...path, name }, async (process) => {
      if (found === null) throw path.failure("it is gone");
      const body: unknown = Reflect.get(found.port, method);
      if (typeof body !== "function") throw new TypeError(`no method ${method}`);
      const value: unknown = await Reflect.apply(body, found.port, sent);
      path.done?.(method);
      return carried(world, value, process, from, path.failure);
    });
  };
  // safe because: every method of these ports answers a promise and takes what can be copied
  return new Proxy({} as T, {
    get: (_, method) =>
      typeof method === "string" && method !== "then" ? (...given: unknown[]) => call(method, given) : undefined,
  });
}

function carried(world: World, value: unknown, from: Process, to: Process, failure: Path["failure"]): unknown {
  if (value instanceof ReadableStream) return bridged(world, value, from, to, failure);
  if (isRecord(value) && value.value instanceof ReadableStream)
    return { ...value, value: bridged(world, value.value, from, to, failure) };
  return copied(value);
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
