import { createHash, type Hash } from "node:crypto";
import { Random } from "./random.ts";
import { drain, ownTime, repeat, type TimeOwner } from "./virtual-time.ts";

/** 2026-01-01T00:00:00Z: when every simulated cell begins. */
export const BEGIN_MS = 1_767_225_600_000;
const LINES_KEPT = 40_000;

/** A part of the world that dies as a whole: what it had in memory and what it waited for is gone with it. */
export class Process {
  readonly name: string;
  alive = true;
  /** Stopped until then: it lives, and nothing of it happens. */
  stoppedUntilMs = 0;
  readonly #ends = new Set<() => void>();

  constructor(name: string) {
    this.name = name;
  }

  /** Called once when it has died, as nobody of it; answers the function that forgets it. */
  onEnd(run: () => void): () => void {
    if (this.alive) this.#ends.add(run);
    else run();
    return () => void this.#ends.delete(run);
  }

  end(): void {
    if (!this.alive) return;
    this.alive = false;
    for (const run of [...this.#ends]) run();
    this.#ends.clear();
  }
}

interface Event {
  at: number;
  seq: number;
  process: Process;
  run: () => void;
  /** Milliseconds between repeats; 0: once. */
  every: number;
  gone: boolean;
}

/** Something that must never be. */
export interface Violation {
  invariant: string;
  detail: string;
  atMs: number;
}

/**
 * The one scheduler: it owns time, and everything that crosses from one process to another passes it. What an event set
 * off runs to its end, microtasks included, before the next event: so the order of events is the whole history.
 */
export class World {
  readonly seed: number;
  /** Decides about faults and delays. */
  readonly random: Random;
  readonly #bytes: Random;
  /** What the tests themselves are: callers of the cell. */
  readonly outside = new Process("outside");
  /** What is under way between processes. */
  readonly wire = new Process("wire");
  current: Process = this.outside;
  /** How late a message between two processes may come. */
  lateMsMax = 12_000;
  /** Off in the second half of a run, when everything must come to rest. */
  faults = true;
  events = 0;
  readonly violations: Violation[] = [];
  #now = BEGIN_MS;
  #seq = 0;
  readonly #heap: Event[] = [];
  readonly #timers = new Map<number, Event>();
  readonly #hash: Hash = createHash("sha256");
  readonly lines: string[] = [];
  #noted = 0;

  constructor(seed: number) {
    this.seed = seed;
    this.random = new Random(seed);
    this.#bytes = new Random(seed ^ 0x5eed5eed);
  }

  now(): number {
    return this.#now;
  }
  get sinceBeginMs(): number {
    return this.#now - BEGIN_MS;
  }
  timer(run: () => void, delayMs: number, repeats: boolean): number {
    return this.#add(this.current, delayMs, run, repeats ? delayMs : 0).seq;
  }
  clear(id: number): void {
    const event = this.#timers.get(id);
    if (event) event.gone = true;
    this.#timers.delete(id);
  }
  /** Of ids, keys and nonces; apart from what decides about faults. */
  fill(bytes: Uint8Array): void {
    this.#bytes.fill(bytes);
  }

  /** Runs as this process after so long, if that still lives then. */
  after(delayMs: number, process: Process, run: () => void): void {
    this.#add(process, delayMs, run, 0);
  }

  /** One line of the history. */
  note(line: string): void {
    const text = `${String(++this.#noted).padStart(5)}  ${((this.#now - BEGIN_MS) / 1_000).toFixed(3).padStart(9)} s  ${line}`;
    this.#hash.update(`${text}\n`);
    this.lines.push(text);
    if (this.lines.length > LINES_KEPT) this.lines.splice(0, LINES_KEPT / 2);
  }

  violated(invariant: string, detail: string): void {
    this.note(`VIOLATED ${invariant}: ${detail}`);
    this.violations.push({ invariant, detail, atMs: this.#now - BEGIN_MS });
  }

  /** The same for the same seed, whatever machine runs it. */
  digest(): string {
    return this.#hash.copy().update(`${this.events} events`).digest("hex");
  }

  /** Takes over the process's time, runs `begin` as the outside, and everything that follows until `over` says so. */
  async run(begin: () => Promise<void>, over: () => boolean, eventsMax: number): Promise<void> {
    const owner: TimeOwner = {
      now: () => this.#now,
      timer: (run, delayMs, repeats) => this.timer(run, delayMs, repeats),
      clear: (id) => this.clear(id),
      random: (bytes) => this.fill(bytes),
    };
    ownTime(owner);
    const failed = (cause: unknown) => this.violated("no defect throws into the void", stackOf(cause));
    process.on("unhandledRejection", failed);
    try {
      this.current = this.outside;
      let begun = false;
      await repeat(() => {
        if (!begun) {
          begun = true;
          begin().catch(failed);
        }
        const left = drain();
        if (left !== null) return left;
        if (this.violations.length > 0 || over()) return true;
        const event = this.#next();
        if (event === null) {
          this.violated("the run ends", "nothing is left to happen");
          return true;
        }
        this.current = event.process;
        if (++this.events > eventsMax) this.violated("the run ends", `more than ${eventsMax} events`);
        try {
          event.run();
        } catch (cause) {
          failed(cause);
        }
        return false;
      });
    } finally {
      process.off("unhandledRejection", failed);
      ownTime(null);
    }
  }

  #add(owner: Process, delayMs: number, run: () => void, every: number): Event {
    if (Number.isNaN(delayMs)) throw new RangeError("a delay is a number");
    const event = { at: this.#now + Math.max(0, delayMs), seq: ++this.#seq, process: owner, run, every, gone: false };
    this.#timers.set(event.seq, event);
    push(this.#heap, event);
    return event;
  }

  #next(): Event | null {
    for (let event = pop(this.#heap); event; event = pop(this.#heap)) {
      if (event.gone || !event.process.alive) {
        this.#timers.delete(event.seq);
        continue;
      }
      if (event.process.stoppedUntilMs > event.at) {
        push(this.#heap, Object.assign(event, { at: event.process.stoppedUntilMs }));
        continue;
      }
      this.#now = Math.max(this.#now, event.at);
      if (event.every > 0) push(this.#heap, Object.assign(event, { at: event.at + event.every }));
      else this.#timers.delete(event.seq);
      return event;
    }
    return null;
  }
}

export const stackOf = (cause: unknown): string =>
  cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);

const before = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.seq < b.seq);

function push(heap: Event[], event: Event): void {
  let at = heap.push(event) - 1;
  while (at > 0) {
    const up = (at - 1) >> 1;
    const parent = heap[up];
    if (parent === undefined || !before(event, parent)) break;
    heap[at] = parent;
    at = up;
  }
  heap[at] = event;
}

function pop(heap: Event[]): Event | undefined {
  const [first] = heap;
  const last = heap.pop();
  if (first === undefined || last === undefined || heap.length === 0) return first;
  let at = 0;
  for (;;) {
    const left = heap[2 * at + 1];
    const right = heap[2 * at + 2];
    const smaller = right !== undefined && left !== undefined && before(right, left) ? 2 * at + 2 : 2 * at + 1;
    const child = heap[smaller];
    if (child === undefined || !before(child, last)) break;
    heap[at] = child;
    at = smaller;
  }
  heap[at] = last;
  return first;
}
