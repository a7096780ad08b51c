import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { LiveFrames } from "../../../shared/contracts/ports/task-log.ts";

/** Called with the frame up to which there may be something to read that is durable; 0: look at the recent ones. */
export type Wake = (readable: number) => void;
const ANYTHING = Number.POSITIVE_INFINITY;

/** What one task's watchers share: recent frames that are not durable yet, and who is to be woken. */
interface Watched {
  wakes: Set<Wake>;
  from: number;
  frames: Uint8Array[];
  bytes: number;
}

/** Whoever watches tasks of this process: told at once of what a log gets. Keeps nothing of tasks that nobody watches. */
export class LogHub {
  readonly #watched = new Map<string, Watched>();
  readonly #cancels = new Map<string, Set<() => void>>();
  /** Who made the newest frame of a log durable: a writer that was shut out shows nothing. */
  readonly #writers = new Map<string, number>();

  /** Calls `wake` after each change of the log until the answered function is called; null at `watchersMax`. */
  join(name: string, wake: Wake): (() => void) | null {
    let watched = this.#watched.get(name);
    if (!watched) {
      watched = { wakes: new Set(), from: 1, frames: [], bytes: 0 };
      this.#watched.set(name, watched);
    }
    if (watched.wakes.size >= LIMITS.watchersMax) return null;
    const { wakes } = watched;
    wakes.add(wake);
    return () => {
      wakes.delete(wake);
      if (wakes.size === 0) this.#watched.delete(name);
    };
  }

  writes(name: string, fence: number): void {
    this.#writers.set(name, fence);
  }

  ended(name: string): void {
    this.#writers.delete(name);
  }

  show(name: string, fence: number, { from, frames }: LiveFrames): void {
    const watched = this.#watched.get(name);
    if (!watched || this.#writers.get(name) !== fence) return;
    if (from !== watched.from + watched.frames.length) Object.assign(watched, { from, frames: [], bytes: 0 });
    for (const frame of frames) {
      watched.frames.push(frame);
      watched.bytes += frame.byteLength;
    }
    while (watched.bytes > LIMITS.logLiveBytesMax) {
      watched.bytes -= watched.frames.shift()?.byteLength ?? watched.bytes;
      watched.from++;
    }
    this.#wake(name, 0);
  }

  /** Frames from `next` on that are at hand, none when they are not. */
  recent(name: string, next: number): readonly Uint8Array[] {
    const watched = this.#watched.get(name);
    return !watched || next < watched.from ? [] : watched.frames.slice(next - watched.from);
  }

  /** The task may have changed in any way. */
  changed(name: string): void {
    this.#wake(name, ANYTHING);
  }

  /** Frames up to this one are durable, and nothing else changed: whoever was shown them need not read them. */
  durable(name: string, upTo: number): void {
    this.#wake(name, upTo);
  }

  #wake(name: string, readable: number): void {
    for (const wake of this.#watched.get(name)?.wakes ?? []) wake(readable);
  }

  /** Resolves when the task is cancelled, at the latest after `waitMs`. */
  awaitCancel(name: string, waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#cancels.get(name) ?? new Set();
      this.#cancels.set(name, waiting);
      const done = () => {
        clearTimeout(timer);
        waiting.delete(done);
        if (waiting.size === 0 && this.#cancels.get(name) === waiting) this.#cancels.delete(name);
        resolve();
      };
      const timer = setTimeout(done, waitMs);
      waiting.add(done);
    });
  }

  cancelled(name: string): void {
    for (const done of [...(this.#cancels.get(name) ?? [])]) done();
  }
}
