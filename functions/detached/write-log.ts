import type { TaskId, TenantId } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { FenceRefusal, LogEnd, LogHead } from "../../shared/contracts/ports/task-log.ts";
import type { Result } from "../../shared/contracts/result.ts";
import { constantTimeEqual } from "../../shared/crypto/constant-time-equal.ts";
import type { Deps } from "../context.ts";
import { sealPart } from "./log-parts.ts";
import { readLog } from "./read-log.ts";

/** Somebody else has the task now: whatever is under way here is to stop, and writes nothing more. */
export class Fenced extends Error {
  override readonly name = "Fenced";
}
/** The run did not repeat what an earlier one has delivered: nothing may be appended to it. */
export class Diverged extends Error {
  override readonly name = "Diverged";
}

/** Whose log, and under which fence. */
export interface LogPlace {
  tenant: TenantId;
  task: TaskId;
  fence: number;
  dataKey: Uint8Array;
}

/** Bytes of one flush: the sealed part fits a row. */
const FLUSH_BYTES = LIMITS.sqlChunkBytes / 2;

/**
 * Writes one run's frames into its task's log: the first one durably before anybody sees it, then shown at once and
 * durable within `logFlushMs` or `logFlushFrames`. What an earlier run delivered has to come again, byte for byte, before
 * anything new is written. Methods throw `Fenced` and `Diverged`.
 */
export class LogWriter {
  readonly #deps: Pick<Deps, "tasks">;
  readonly #at: LogPlace;
  /** Frames of an earlier run that have not come again yet, newest last. */
  #expected: Uint8Array[];
  /** The head as it was taken. */
  #head: string | null = null;
  /** Frames of the answer's end that are kept unseen and have not come yet. */
  #kept: Uint8Array[] = [];
  #durable: number;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #flushing: Promise<void> = Promise.resolve();
  #failed: unknown = null;

  private constructor(deps: Pick<Deps, "tasks">, at: LogPlace, durable: number, expected: Uint8Array[]) {
    this.#deps = deps;
    this.#at = at;
    this.#expected = expected;
    this.#durable = durable;
  }

  /** For a run that repeats the `delivered` frames of an earlier one. */
  static async repeating(deps: Pick<Deps, "tasks">, at: LogPlace, delivered: number): Promise<LogWriter> {
    const frames: Uint8Array[] = [];
    if (delivered > 0) {
      const log = await readLog(deps, at.dataKey, at.tenant, at.task, 0);
      if (!log.ok) throw new Fenced(log.error.reason);
      for await (const event of log.value) {
        if (event.kind === "frame") frames.push(event.frame);
        if (frames.length === delivered) break;
      }
    }
    return new LogWriter(deps, at, delivered, frames);
  }

  /** What earlier runs delivered, for whoever ends the task in their place; empty once a run repeats it. */
  get delivered(): readonly Uint8Array[] {
    return this.#expected;
  }

  /** Frames of the log so far, those that are not durable yet included. */
  get frames(): number {
    return this.#durable + this.#pending.length;
  }

  /** What follows is new, however much of what was delivered has not come again. */
  repeatNoMore(): void {
    this.#expected = [];
  }

  /** Frames that an earlier run delivered and this one has not repeated yet. */
  get behind(): number {
    return this.#expected.length;
  }

  async head(head: LogHead): Promise<void> {
    const { tenant, task, fence } = this.#at;
    const text = JSON.stringify(head);
    // Said again: whoever shut this run out meanwhile is met at the next write.
    if (text === this.#head) return;
    held(await this.#deps.tasks.openLog(tenant, task, fence, head));
    this.#head = text;
  }

  /**
   * Keeps the frames that are left of a whole answer, unseen, before it is settled: from then on the task can be ended
   * with them by whoever has it. They come once more as frames; any other frame takes their place.
   */
  async keep(rest: readonly Uint8Array[]): Promise<void> {
    await this.flush();
    if (this.#failed !== null) throw this.#failed;
    for (const [at, expected] of this.#expected.entries()) {
      const again = rest[at];
      if (again === undefined || !constantTimeEqual(expected, again))
        throw new Diverged("a run ends otherwise than was delivered");
    }
    this.#kept = rest.slice(this.#expected.length);
    await this.#append(this.#kept, true);
  }

  /** Resolves when the frame may be forgotten by its maker; waits where the log falls behind. */
  async frame(frame: Uint8Array): Promise<void> {
    if (this.#failed !== null) throw this.#failed;
    const expected = this.#expected.shift();
    if (expected !== undefined) {
      if (!constantTimeEqual(expected, frame)) throw new Diverged("a run repeated other bytes than were delivered");
      return;
    }
    const kept = this.#kept.shift();
    if (kept !== undefined && constantTimeEqual(kept, frame)) return;
    this.#kept = [];
    const { tenant, task, fence } = this.#at;
    const seq = this.frames + 1;
    this.#pending.push(frame);
    this.#pendingBytes += frame.byteLength;
    if (seq === 1) return this.flush();
    await this.#deps.tasks.showLog(tenant, task, fence, { from: seq, frames: [frame] });
    const full = this.#pending.length >= LIMITS.logFlushFrames || this.#pendingBytes >= FLUSH_BYTES;
    if (!full) {
      this.#timer ??= setTimeout(() => this.#flushLater(), LIMITS.logFlushMs);
      return;
    }
    const flushing = this.#flushLater();
    // The maker goes on while the log is written, unless it is far ahead of it.
    if (this.#pendingBytes > 2 * FLUSH_BYTES) await flushing;
  }

  /** A failure is thrown by the next frame, or the end. */
  #flushLater(): Promise<void> {
    return this.flush().catch((cause: unknown) => {
      this.#failed ??= cause;
    });
  }

  /**
   * Leaves the log to the next run, with what was shown in it: nobody has to be told less than was seen. Somebody else's
   * log stays as it is.
   */
  async leave(): Promise<void> {
    try {
      await this.flush();
    } catch (cause) {
      if (!(cause instanceof Fenced)) throw cause;
    }
  }

  #noTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Everything so far is durable when it resolves. */
  flush(): Promise<void> {
    this.#noTimer();
    this.#flushing = this.#flushing.then(() => this.#write());
    return this.#flushing;
  }

  async #write(): Promise<void> {
    while (this.#pending.length > 0) {
      const count = await this.#append(this.#pending.slice(0, inOnePart(this.#pending)), false);
      this.#pending.splice(0, count);
      this.#pendingBytes = this.#pending.reduce((sum, frame) => sum + frame.byteLength, 0);
      this.#durable += count;
    }
  }

  /** Writes frames behind the durable ones, in parts; answers how many. */
  async #append(frames: readonly Uint8Array[], unseen: boolean): Promise<number> {
    const { tenant, task, fence, dataKey } = this.#at;
    let written = 0;
    while (written < frames.length) {
      const rest = frames.slice(written);
      const count = inOnePart(rest);
      const part = await sealPart(dataKey, tenant, task, this.#durable + written + 1, rest.slice(0, count));
      held(await this.#deps.tasks.appendLog(tenant, task, fence, unseen ? { ...part, unseen } : part));
      written += count;
    }
    return written;
  }

  async close(end: LogEnd): Promise<void> {
    await this.flush();
    if (this.#failed !== null) throw this.#failed;
    const { tenant, task, fence } = this.#at;
    held(await this.#deps.tasks.closeLog(tenant, task, fence, end));
  }
}

/** Frames that fit one part, at least one. */
function inOnePart(frames: readonly Uint8Array[]): number {
  let bytes = 0;
  let count = 0;
  for (const frame of frames) {
    if (count > 0 && bytes + frame.byteLength > FLUSH_BYTES) break;
    bytes += frame.byteLength + 4;
    count++;
  }
  return count;
}

function held<T>(outcome: Result<T, FenceRefusal>): T {
  if (!outcome.ok) throw new Fenced(outcome.error.reason);
  return outcome.value;
}
