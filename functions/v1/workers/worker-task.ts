import type { TaskId } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { EngineError, type EngineFailure, type EngineRequest } from "../../../shared/contracts/ports/engine.ts";
import type { WorkerChannel } from "../../../shared/contracts/ports/worker-channel.ts";
import type { FromWorker, ToWorker } from "../../../shared/contracts/worker-protocol.ts";
import { decodeBase64 } from "../../../shared/crypto/base64.ts";
import { engineFailure } from "./worker-failure.ts";

/** Frames of a worker about one task. */
export type TaskFrame = Extract<FromWorker, { t: "head" | "chunk" | "end" | "fail" }>;

export interface WorkerTaskParts {
  task: TaskId;
  /** The worker's name of its question. */
  ref: string;
  deadline: number;
  pool: string;
  synthetic: boolean;
  send(frame: ToWorker): void;
}

/** The worker broke the protocol; its connection is closed. */
export class ProtocolBroken extends Error {
  override readonly name = "ProtocolBroken";
}

/**
 * One task of a worker, as the channel of its run.
 *
 * ```
 * asked ──execute──▶ sent ──head──▶ open ──end, fail, cancel──▶ over
 *                      └────────fail, cancel, connection gone────▲
 * ```
 * Chunks wait here until the run takes them; the worker may send so many as it has credit for.
 */
export class WorkerTask implements WorkerChannel {
  readonly pool: string;
  readonly synthetic: boolean;
  readonly #parts: WorkerTaskParts;
  readonly #fence = Promise.withResolvers<number>();
  #known: number | null = null;
  #state: "asked" | "sent" | "open" | "over" = "asked";
  readonly #head = Promise.withResolvers<void>();
  #dialect: EngineRequest["dialect"] | null = null;
  /** Chunks that the run has not taken yet, in order. */
  readonly #waiting: Uint8Array[] = [];
  #received = 0;
  #taken = 0;
  #granted: number = LIMITS.workerCreditChunks;
  #end: "complete" | EngineFailure | null = null;
  #wake: (() => void) | null = null;

  constructor(parts: WorkerTaskParts) {
    this.#parts = parts;
    this.pool = parts.pool;
    this.synthetic = parts.synthetic;
    // Nobody may be waiting for it when it fails.
    this.#head.promise.catch(() => {});
  }

  /** The run has its lease. */
  leased(fence: number): void {
    this.#known = fence;
    this.#fence.resolve(fence);
  }

  /** Whether the worker was given the request. */
  get given(): boolean {
    return this.#dialect !== null;
  }
  get fence(): number | null {
    return this.#known;
  }

  async execute(request: EngineRequest, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    // One worker has one request of a task: a further hop is another engine's.
    if (this.#state !== "asked") throw new EngineError({ reason: "unreachable" });
    this.#state = "sent";
    const stop = () => this.#cancel();
    signal.addEventListener("abort", stop, { once: true });
    try {
      const fence = await this.#fence.promise;
      if (signal.aborted) throw new EngineError({ reason: "canceled" });
      const { task, ref, deadline, send } = this.#parts;
      const { dialect, model, stream, body, traceparent } = request;
      this.#dialect = dialect;
      send({
        ...{ t: "leased", ref, task, fence, deadline_ms: deadline, credit: LIMITS.workerCreditChunks },
        request: { dialect, model, stream, body, traceparent },
      });
      await this.#head.promise;
    } catch (thrown) {
      signal.removeEventListener("abort", stop);
      throw thrown;
    }
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          try {
            const chunk = await this.#next();
            if (chunk !== null) return controller.enqueue(chunk);
            signal.removeEventListener("abort", stop);
            controller.close();
          } catch (thrown) {
            signal.removeEventListener("abort", stop);
            throw thrown;
          }
        },
        cancel: () => {
          signal.removeEventListener("abort", stop);
          this.#cancel();
        },
      },
      { highWaterMark: 0 },
    );
  }

  /** Takes a frame under the fence in force; others are of an earlier lease, and nobody's. @throws ProtocolBroken */
  frame(frame: TaskFrame) {
    if (frame.fence !== this.#known || this.#end !== null) return;
    if (!this.given) throw new ProtocolBroken("an answer without a request");
    switch (frame.t) {
      case "head":
        if (this.#state === "open") throw new ProtocolBroken("two heads");
        if (frame.dialect !== this.#dialect)
          return this.#fail({ reason: "failed", status: null, message: "the worker answered in another dialect" });
        this.#state = "open";
        this.#head.resolve();
        return;
      case "chunk":
        if (this.#state !== "open") throw new ProtocolBroken("a chunk before the head");
        if (frame.seq !== this.#received + 1) throw new ProtocolBroken("a chunk out of order");
        if (frame.seq > this.#granted) throw new ProtocolBroken("a chunk without credit");
        this.#received++;
        this.#waiting.push(decodeBase64(frame.data));
        this.#wake?.();
        return;
      case "end":
        if (this.#state !== "open") throw new ProtocolBroken("an end before the head");
        if (frame.seq !== this.#received) throw new ProtocolBroken("an end before all chunks");
        this.#end = "complete";
        this.#wake?.();
        return;
      case "fail":
        return this.#fail(engineFailure(frame.failure));
    }
  }

  /** Its engine failed, or its connection is gone. Chunks that came before are still taken. */
  fail(failure: EngineFailure): void {
    if (this.#end === null) this.#fail(failure);
  }

  #fail(failure: EngineFailure): void {
    this.#end = failure;
    this.#head.reject(new EngineError(failure));
    // Whoever waits to begin gets the failure with the head.
    this.#fence.resolve(this.#known ?? 0);
    this.#wake?.();
  }

  async #next(): Promise<Uint8Array | null> {
    for (;;) {
      const chunk = this.#waiting.shift();
      if (chunk !== undefined) {
        this.#taken++;
        this.#credit();
        return chunk;
      }
      if (this.#end === "complete") return this.#over();
      if (this.#end !== null) {
        this.#over();
        throw new EngineError(this.#end);
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
  }

  #over(): null {
    this.#state = "over";
    return null;
  }

  /** Told by halves, so that a stream costs few frames and never waits for one. */
  #credit(): void {
    const left = this.#granted - this.#taken;
    if (left > LIMITS.workerCreditChunks / 2 || this.#end !== null || this.#known === null) return;
    this.#granted = this.#taken + LIMITS.workerCreditChunks;
    const { task, send } = this.#parts;
    send({ t: "credit", task, fence: this.#known, seq: this.#taken, credit: LIMITS.workerCreditChunks });
  }

  #cancel(): void {
    if (this.#end !== null) return;
    if (this.given && this.#known !== null)
      this.#parts.send({ t: "cancel", task: this.#parts.task, fence: this.#known });
    this.#waiting.length = 0;
    this.#fail({ reason: "canceled" });
  }
}
