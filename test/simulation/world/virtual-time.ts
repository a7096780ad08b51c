import { imported, type Known, knownNow } from "./sync-crypto.ts";
import { SyncDecompressionStream } from "./sync-inflate.ts";

/** Who owns time, while a simulation runs. */
export interface TimeOwner {
  /** Unix milliseconds, with fractions. */
  now(): number;
  timer(run: () => void, delayMs: number, repeats: boolean): number;
  clear(id: number): void;
  random(bytes: Uint8Array): void;
}

/** One operation of WebCrypto, whose answer is given out when it is its turn. */
interface CryptoCall {
  /** What it comes to; a promise of it where only the platform's threads know. */
  outcome: Known | Promise<Known>;
  resolve(value: unknown): void;
  reject(cause: unknown): void;
}

const realSetImmediate = globalThis.setImmediate;
const RealDate = globalThis.Date;
const realPerformanceNow = performance.now.bind(performance);
let owner: TimeOwner | null = null;
const cryptoCalls: CryptoCall[] = [];

/** From now on this owner decides about time; null gives it back to the machine. */
export function ownTime(next: TimeOwner | null): void {
  owner = next;
  cryptoCalls.length = 0;
}

/**
 * Runs every microtask there is. Node's own, which it calls behind each callback of its loop: whatever runs as one of the
 * loop's tasks may call it, and hundreds of times as often as the loop itself turns.
 */
// safe because: Node has it, and a simulation does not begin where it is missing
const runMicrotasks = Reflect.get(process, "_tickCallback") as () => void;
if (typeof runMicrotasks !== "function") throw new Error("this version of Node does not let its microtasks be run");

/**
 * Runs everything that can run: until no microtask is left, and every call of WebCrypto was answered, one at a time in
 * the order of the calls, so that threads of the platform decide nothing. A promise: to be called again behind it.
 */
export function drain(): Promise<void> | null {
  runMicrotasks();
  for (let next = cryptoCalls[0]; next; next = cryptoCalls[0]) {
    const call = next;
    if (call.outcome instanceof Promise)
      return call.outcome.then((known) => {
        call.outcome = known;
      });
    cryptoCalls.shift();
    if (call.outcome.ok) call.resolve(call.outcome.value);
    else call.reject(call.outcome.cause);
    runMicrotasks();
  }
  return null;
}

/** Calls `step` again and again as a task of the loop, until it answers true; waits for the promises that it answers. */
export function repeat(step: () => boolean | Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const go = (): void => {
      try {
        for (;;) {
          const next = step();
          if (next === true) {
            resolve();
            return;
          }
          if (next !== false) {
            next.then(() => realSetImmediate(go), reject);
            return;
          }
        }
      } catch (cause) {
        reject(cause);
      }
    };
    realSetImmediate(go);
  });
}

const mine = (): TimeOwner => {
  if (owner === null) throw new Error("nobody owns time");
  return owner;
};

/** What a timer's caller holds. */
class Timer {
  readonly id: number;
  constructor(id: number) {
    this.id = id;
  }
  unref(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  hasRef(): boolean {
    return true;
  }
}

function clear(timer: unknown): void {
  if (timer instanceof Timer) owner?.clear(timer.id);
}

class VirtualDate extends RealDate {
  constructor(...given: unknown[]) {
    // safe because: the arguments are those that the platform's own constructor takes
    super(...((given.length === 0 ? [VirtualDate.now()] : given) as [number]));
  }
  static override now(): number {
    return owner === null ? RealDate.now() : Math.floor(owner.now());
  }
}

const settledOf = (done: Promise<unknown> | null, key: readonly unknown[]): Promise<Known> =>
  Promise.resolve(done).then(
    (value): Known => {
      imported(value, key);
      return { ok: true, value };
    },
    (cause: unknown): Known => ({ ok: false, cause }),
  );

const SUBTLE =
  "encrypt decrypt sign verify digest importKey exportKey generateKey deriveBits deriveKey wrapKey unwrapKey";

/** Without its stack, which says nothing of whoever waited and is most of what it costs. */
function timedOut(): DOMException {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  const cause = new DOMException("The operation timed out.", "TimeoutError");
  Error.stackTraceLimit = stackTraceLimit;
  return cause;
}

/** Replaces clock, timers and randomness of this process. Before any module that keeps one of them is loaded. */
function install(): void {
  const set = (target: object, name: string, value: unknown) =>
    Object.defineProperty(target, name, { value, configurable: true, writable: true });
  const timer =
    (repeats: boolean) =>
    (run: (...given: unknown[]) => void, delayMs = 0, ...given: unknown[]) =>
      new Timer(mine().timer(() => run(...given), Math.max(delayMs, repeats ? 1 : 0), repeats));
  set(globalThis, "setTimeout", timer(false));
  set(globalThis, "setInterval", timer(true));
  set(globalThis, "setImmediate", (run: () => void) => new Timer(mine().timer(run, 0, false)));
  for (const name of ["clearTimeout", "clearInterval", "clearImmediate"]) set(globalThis, name, clear);
  set(globalThis, "Date", VirtualDate);
  set(performance, "now", () => (owner === null ? realPerformanceNow() : owner.now()));
  set(AbortSignal, "timeout", (ms: number) => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(timedOut()), ms);
    return controller.signal;
  });
  const { DecompressionStream: RealDecompressionStream } = globalThis;
  set(globalThis, "DecompressionStream", function inflating(format: "gzip") {
    return owner === null ? new RealDecompressionStream(format) : new SyncDecompressionStream(format);
  });
  const { getRandomValues } = crypto;
  set(crypto, "getRandomValues", (bytes: Uint8Array<ArrayBuffer>) => {
    if (owner === null) return getRandomValues.call(crypto, bytes);
    owner.random(bytes);
    return bytes;
  });
  const subtle: object = crypto.subtle;
  for (const name of SUBTLE.split(" ")) {
    const real: unknown = Reflect.get(subtle, name);
    if (typeof real !== "function") continue;
    set(subtle, name, (...given: unknown[]) => {
      const known = owner === null ? null : knownNow(name, given);
      const done: Promise<unknown> | null = known === null ? Reflect.apply(real, subtle, given) : null;
      if (owner === null) return done;
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      const outcome = known ?? settledOf(done, name === "importKey" ? given : []);
      cryptoCalls.push({ outcome, resolve, reject });
      return promise;
    });
  }
}

install();
