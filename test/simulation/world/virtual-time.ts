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
  done: Promise<unknown>;
  resolve(value: unknown): void;
  reject(cause: unknown): void;
}

const realSetImmediate = globalThis.setImmediate;
const RealDate = globalThis.Date;
const realPerformanceNow = performance.now.bind(performance);
const realSetTimeout = globalThis.setTimeout;
let owner: TimeOwner | null = null;
const cryptoCalls: CryptoCall[] = [];

/** Wall-clock milliseconds of the machine, for whoever measures the simulation. */
export const realNowMs = (): number => realPerformanceNow();
/** Real time for what watches the simulation from outside. */
export const realTimeout = (run: () => void, delayMs: number): ReturnType<typeof setTimeout> =>
  realSetTimeout(run, delayMs);

/** From now on this owner decides about time; null gives it back to the machine. */
export function ownTime(next: TimeOwner | null): void {
  owner = next;
  cryptoCalls.length = 0;
}

const turn = (): Promise<void> => new Promise((resolve) => realSetImmediate(resolve));

/**
 * Resolves when everything that could run has run: no microtask is left, and every call of WebCrypto was answered, one at
 * a time in the order of the calls, so that threads of the platform decide nothing.
 */
export async function quiet(): Promise<void> {
  await turn();
  for (let next = cryptoCalls.shift(); next; next = cryptoCalls.shift()) {
    const { done, resolve, reject } = next;
    await done.then(resolve, reject);
    await turn();
  }
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

const SUBTLE =
  "encrypt decrypt sign verify digest importKey exportKey generateKey deriveBits deriveKey wrapKey unwrapKey";

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
    setTimeout(() => controller.abort(new DOMException("The operation timed out.", "TimeoutError")), ms);
    return controller.signal;
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
      const done: Promise<unknown> = Reflect.apply(real, subtle, given);
      if (owner === null) return done;
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      cryptoCalls.push({ done, resolve, reject });
      return promise;
    });
  }
}

install();
