import { LIMITS } from "../../shared/contracts/limits.ts";
import { ObjectOverloaded, ObjectUnavailable } from "./object-class.ts";

/** One caller's items; it sends them itself, with those of others, or somebody else does. */
interface Entry<I, O> {
  readonly items: readonly I[];
  readonly answer: PromiseWithResolvers<O[]>;
  /** Resolves when this caller is the one to send what waits. */
  readonly turn: PromiseWithResolvers<void>;
}

/**
 * Calls to one object, joined: a few are on their way at a time, and what arrives meanwhile goes together with the next.
 * Each caller gets the answers to its own items, or the failure of the call that carried them. Nobody waits for ever on
 * a sender that was cut off together with its request: after `batchStallMs` a caller sends by itself, and an answer that
 * stays away for `batchAnswerMsMax` more is `ObjectUnavailable`.
 */
export class CallBatches<I, O> {
  readonly #send: (items: I[]) => Promise<O[]>;
  readonly #waiting: Entry<I, O>[] = [];
  readonly #sending = new Set<symbol>();

  constructor(send: (items: I[]) => Promise<O[]>) {
    this.#send = send;
  }

  get idle(): boolean {
    return this.#sending.size === 0 && this.#waiting.length === 0;
  }

  /** At most `admitArrayMax` items. Rejects with `ObjectOverloaded` when too many callers wait. */
  async call(items: readonly I[]): Promise<O[]> {
    if (this.#sending.size < LIMITS.batchesSendingMax) return this.#lead(items);
    if (this.#waiting.length >= LIMITS.tenantQueueMax) throw new ObjectOverloaded("too many calls wait for the object");
    const entry: Entry<I, O> = { items, answer: Promise.withResolvers(), turn: Promise.withResolvers() };
    // A caller that was cut off leaves its answer unread.
    entry.answer.promise.catch(() => {});
    this.#waiting.push(entry);
    const told = await within(LIMITS.batchStallMs, entry.answer.promise, entry.turn.promise);
    if (told) return told;
    const at = this.#waiting.indexOf(entry);
    if (at >= 0) {
      this.#waiting.splice(at, 1);
      // Still full: whoever holds the oldest place has probably gone, and must not keep it for ever.
      const [oldest] = this.#sending;
      if (oldest !== undefined && this.#sending.size >= LIMITS.batchesSendingMax) this.#sending.delete(oldest);
      return this.#lead(items);
    }
    const late = await within(LIMITS.batchAnswerMsMax, entry.answer.promise, null);
    if (late) return late;
    throw new ObjectUnavailable("the object did not answer in time");
  }

  /** Sends the caller's items and what waits, in the caller's own context, and wakes the next sender. */
  async #lead(own: readonly I[]): Promise<O[]> {
    const place = Symbol();
    this.#sending.add(place);
    const items = [...own];
    const carried: Entry<I, O>[] = [];
    for (const next of this.#waiting) {
      if (items.length + next.items.length > LIMITS.admitArrayMax) break;
      items.push(...next.items);
      carried.push(next);
    }
    this.#waiting.splice(0, carried.length);
    try {
      const answers = await this.#send(items);
      let from = own.length;
      for (const { answer, items: theirs } of carried) {
        answer.resolve(answers.slice(from, from + theirs.length));
        from += theirs.length;
      }
      return answers.slice(0, own.length);
    } catch (cause) {
      for (const { answer } of carried) answer.reject(cause);
      throw cause;
    } finally {
      if (this.#sending.delete(place)) this.#waiting[0]?.turn.resolve();
    }
  }
}

/** One `CallBatches` for each object that somebody is calling. */
export function batchesByName<N extends string, I, O>(send: (name: N, items: I[]) => Promise<O[]>) {
  const byName = new Map<N, CallBatches<I, O>>();
  return async (name: N, items: readonly I[]): Promise<O[]> => {
    let batches = byName.get(name);
    if (!batches) {
      batches = new CallBatches((all) => send(name, all));
      byName.set(name, batches);
    }
    try {
      return await batches.call(items);
    } finally {
      if (batches.idle) byName.delete(name);
    }
  };
}

/** The answer; null once it is this caller's turn, or after `ms`. */
async function within<T>(ms: number, answer: Promise<T>, turn: Promise<void> | null): Promise<T | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, ms, null);
  });
  try {
    return await Promise.race(turn === null ? [answer, late] : [answer, turn.then(() => null), late]);
  } finally {
    clearTimeout(timer);
  }
}
