import type { TaskId } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { BatchLine } from "../../../shared/contracts/ports/batch-store.ts";
import { concat } from "../../inference/result-keeper.ts";
import { type Driven, inputFrom, kept, pauses } from "./drive.ts";
import { dispatchLine, taskOf } from "./line-task.ts";
import { type Line, linesOf } from "./lines.ts";
import { answerOf, type Outcome, outcomeOf, retryAfter, unrunOutcome } from "./outcome.ts";
import { type BatchRequest, parseLine } from "./parse-line.ts";
import type { Results } from "./results.ts";

/** How often the batch is looked at while nothing is written: a cancellation is seen within this. */
const LOOK_MS = 1_000;
/** A result of ours that is larger than the others is no reason to hold many. */
const AFTER_TROUBLE_MS = 500;

/** Why lines are not run any more, or null. */
const stopOf = ({ batch, deps }: Driven): "batch_cancelled" | "batch_expired" | null =>
  batch.status === "cancelling" ? "batch_cancelled" : batch.expires_ms <= deps.clock.now() ? "batch_expired" : null;

/**
 * Runs lines, at most `batchWindowMax` outside at once, until each has its result, or the turn is over. Answers whether all
 * have theirs.
 */
export async function dispatch(of: Driven, results: Results): Promise<boolean> {
  const window = new Window(of, results);
  try {
    return await window.run();
  } finally {
    window.close();
  }
}

class Window {
  readonly #of: Driven;
  readonly #results: Results;
  /** Lines without a durable result. */
  readonly #outside = new Set<number>();
  /** Of lines that run: what stops waiting for them here, and their current task. */
  readonly #running = new Map<number, { close: () => void; task: TaskId; told: boolean }>();
  #lines: AsyncGenerator<Line, void, undefined> | null = null;
  #drained: boolean;
  #place: { offset: number; line: number };
  #closed = false;
  #broken: unknown = null;
  #wake: () => void = () => {};
  /** Lines that were turned away make the others wait, too. */
  #pausedUntilMs = 0;

  constructor(of: Driven, results: Results) {
    this.#of = of;
    this.#results = results;
    this.#drained = of.turn.drained;
    this.#place = of.turn.place;
  }

  async run(): Promise<boolean> {
    const { deps, tenantId, id, fence } = this.#of;
    for (const line of this.#of.turn.lines) this.#start(line, null);
    let lookedMs = deps.clock.now();
    for (;;) {
      if (this.#broken !== null) throw this.#broken;
      const stop = stopOf(this.#of);
      if (stop !== null) await this.#stop();
      if (this.#results.due || (stop !== null && this.#results.waiting > 0)) {
        for (const line of await this.#results.flush()) this.#outside.delete(line);
        lookedMs = deps.clock.now();
      }
      if (!pauses(this.#of)) await this.#take(stop !== null);
      if (this.#drained && this.#outside.size === 0) return true;
      if (pauses(this.#of)) {
        await this.#results.flush();
        return false;
      }
      if (deps.clock.now() - lookedMs >= LOOK_MS) {
        lookedMs = deps.clock.now();
        this.#of.batch = kept(await deps.batches.renewBatch(tenantId, id, fence));
      }
      await this.#next(this.#results.waiting > 0 ? LIMITS.batchFlushMs : LOOK_MS);
    }
  }

  close(): void {
    this.#closed = true;
    for (const { close } of this.#running.values()) close();
    void this.#lines?.return().catch(() => undefined);
  }

  /** Until a line has ended, at most so long. */
  #next(ms: number): Promise<void> {
    if (this.#results.due) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Takes more lines; with many of them at once where they are not run any more. */
  async #take(stopping: boolean): Promise<void> {
    const { deps, tenantId, id, fence } = this.#of;
    const most = stopping ? LIMITS.batchStepLinesMax : LIMITS.batchWindowMax;
    const room = most - this.#outside.size;
    if (this.#drained || room <= 0 || (!stopping && deps.clock.now() < this.#pausedUntilMs)) return;
    if (this.#lines === null) {
      const source = await inputFrom(this.#of, this.#place.offset);
      // Whoever deleted the input while it is read leaves what was read.
      this.#lines = linesOf(source ?? nothing(), this.#place, LIMITS.batchLineBytesMax);
    }
    const taken: Line[] = [];
    let bytes = 0;
    while (taken.length < room && bytes < LIMITS.batchStepBytesMax) {
      const { done, value } = await this.#lines.next();
      if (done) {
        this.#drained = true;
        break;
      }
      taken.push(value);
      bytes += value.length;
    }
    this.#place = taken.at(-1)?.next ?? this.#place;
    const lines = taken.map(({ line, offset, length }) => ({ line, offset, length }));
    // If we crash behind this, the lines are outside and are begun by whoever goes on.
    kept(await deps.batches.takeLines(tenantId, id, fence, { place: this.#place, lines, done: this.#drained }));
    for (const line of taken) this.#start({ ...line, attempt: 0 }, line.bytes);
  }

  #start(line: BatchLine, bytes: Uint8Array | null): void {
    this.#outside.add(line.line);
    this.#runLine(line, bytes)
      .then((outcome) => {
        if (outcome !== null) this.#results.add(line.line, outcome);
      })
      .catch((cause: unknown) => {
        this.#broken ??= cause;
      })
      .finally(() => {
        this.#running.delete(line.line);
        this.#wake();
      });
  }

  /** Asks the tasks of lines that run to end, once each. */
  async #stop(): Promise<void> {
    const { deps, tenantId } = this.#of;
    for (const entry of this.#running.values()) {
      if (entry.told) continue;
      entry.told = true;
      await deps.tasks.cancelTask(tenantId, entry.task);
    }
  }

  /** Null when the turn ended before the line did. */
  async #runLine(line: BatchLine, bytes: Uint8Array | null): Promise<Outcome | null> {
    const { deps, tenantId, id, fence } = this.#of;
    const request = await this.#request(line, bytes);
    let { attempt } = line;
    for (;;) {
      const task = taskOf(id, { line: line.line, attempt });
      // What this turn took from the file just now, nobody began.
      const begun = !(bytes !== null && attempt === 0) && (await deps.tasks.detached(tenantId, task)).ok;
      const stop = stopOf(this.#of);
      if (stop !== null && !begun) return unrunOutcome(task, request.customId, stop);
      if (!begun) await dispatchLine(deps, this.#of, task, request);
      if (this.#closed) return null;
      const entry = { close: () => {}, task, told: false };
      this.#running.set(line.line, entry);
      const answer = await this.#answer(task, (close) => {
        entry.close = close;
      });
      if (this.#closed) return null;
      const ended = stopOf(this.#of);
      if (answer === null || (entry.told && answer.status === 499))
        return unrunOutcome(task, request.customId, ended ?? "batch_expired");
      const againMs =
        attempt < LIMITS.batchLineTriesMax && ended === null ? retryAfter(answer, retryMs(attempt)) : null;
      if (againMs === null) return outcomeOf(task, request.customId, answer);
      this.#running.delete(line.line);
      this.#pausedUntilMs = Math.max(this.#pausedUntilMs, deps.clock.now() + againMs);
      await this.#pause(againMs);
      if (this.#closed) return null;
      attempt = kept(await deps.batches.retryLine(tenantId, id, fence, line.line)).attempt;
    }
  }

  /** Waits in pieces, so that whoever stops is not waited for. */
  async #pause(ms: number): Promise<void> {
    const until = this.#of.deps.clock.now() + ms;
    while (!this.#closed && stopOf(this.#of) === null) {
      const left = until - this.#of.deps.clock.now();
      if (left <= 0) return;
      await new Promise((resolve) => setTimeout(resolve, Math.min(left, LOOK_MS)));
    }
  }

  async #answer(task: TaskId, closing: (close: () => void) => void) {
    for (;;) {
      try {
        return await answerOf(this.#of.deps, this.#of, task, closing);
      } catch (cause) {
        if (this.#closed) return null;
        // The log's store did not answer, or moved: what is durable is read again.
        this.#of.deps.telemetry.log.info("batch.line", { task, cause: String(cause) });
        await new Promise((resolve) => setTimeout(resolve, AFTER_TROUBLE_MS));
      }
    }
  }

  async #request(line: BatchLine, known: Uint8Array | null): Promise<BatchRequest> {
    const bytes = known ?? (await this.#read(line));
    const parsed = parseLine({ line: line.line, bytes }, this.#of.batch.endpoint);
    // Validation accepted it, and the input cannot change.
    if (!parsed.ok) throw new Error(`line ${line.line} of ${this.#of.id} is ${parsed.error.code}`);
    return parsed.value;
  }

  async #read({ offset, length }: BatchLine): Promise<Uint8Array> {
    const source = await inputFrom(this.#of, offset, length);
    const parts: Uint8Array[] = [];
    for await (const piece of source ?? nothing()) parts.push(piece);
    return concat(parts, length);
  }
}

/** 0.5 s, 1 s, 2 s, … */
const retryMs = (attempt: number): number =>
  Math.min(LIMITS.batchRetryMsMax, LIMITS.batchRetryMsMin * 2 ** Math.min(attempt, 16));

async function* nothing(): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {}
