import { clearTimeout, setTimeout } from "node:timers";
import { LIMITS } from "../../shared/contracts/limits.ts";

interface Member {
  sync: () => Promise<void>;
  resolve: () => void;
  reject: (cause: unknown) => void;
}

/**
 * Syncs of many files in rounds: whoever asks in one turn of the event loop, or while a round runs, shares the next one,
 * and all of a round have their outcome together. Calls of many objects then go on side by side, as calls of one object
 * do, which costs a third less than to go on one by one. Each file has its own outcome. A file that takes longer than
 * `syncRoundMsMax` holds up nobody but itself.
 */
export class SyncRounds {
  readonly #roundMsMax: number;
  #waiting: Member[] = [];
  #running = false;

  constructor(roundMsMax: number = LIMITS.syncRoundMsMax) {
    this.#roundMsMax = roundMsMax;
  }

  /** Calls `sync` when the next round begins; settles as it does, once the round has ended. */
  join(sync: () => Promise<void>): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ sync, resolve, reject });
    if (!this.#running) {
      this.#running = true;
      // After the turn that runs now: all that it commits is one round.
      queueMicrotask(() => this.#begin());
    }
    return promise;
  }

  #begin(): void {
    const members = this.#waiting;
    this.#waiting = [];
    this.#running = members.length > 0;
    if (!this.#running) return;
    let left = members.length;
    let open = true;
    const outcomes: (() => void)[] = [];
    const end = () => {
      open = false;
      clearTimeout(timer);
      for (const settle of outcomes) settle();
      this.#begin();
    };
    const timer = setTimeout(end, this.#roundMsMax);
    const ended = (settle: () => void) => {
      left--;
      if (!open) return settle();
      outcomes.push(settle);
      if (left === 0) end();
    };
    for (const { sync, resolve, reject } of members) {
      sync().then(
        () => ended(resolve),
        (cause: unknown) => ended(() => reject(cause)),
      );
    }
  }
}
