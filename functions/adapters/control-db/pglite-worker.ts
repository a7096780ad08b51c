import { Worker } from "node:worker_threads";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { ControlDbUnavailable, type Row } from "../../../shared/contracts/ports/control-db.ts";
import { type ControlDbOptions, controlDb, type MigratableControlDb } from "./control-db.ts";
import type { BootStage, PgliteReply, PgliteRequest } from "./pglite-protocol.ts";
import type { EncodedStatement, Executor } from "./values.ts";

export interface PgliteOptions extends ControlDbOptions {
  /** Absolute path; created on first boot. One process at a time: the caller holds the lock of the home folder. */
  dataDir: string;
  /** Told while the database boots: about 5 s the first time, 1 s afterwards. */
  onBoot?: (stage: BootStage) => void;
  /** Aborts when the process is to end: a boot that still goes on is broken off, and there is none afterwards. */
  stopping?: AbortSignal;
}

/**
 * PostgreSQL in WebAssembly, in a thread, so that the event loop goes on. Boots on the first call. Acknowledged writes
 * survive a killed process. A thread that dies or hangs fails its caller and is started anew by the next call.
 */
export function pgliteControlDb(options: PgliteOptions): MigratableControlDb {
  let thread: Thread | null = null;
  let closed = false;
  let waiting = 0;
  let turn: Promise<unknown> = Promise.resolve();

  const run = async (statements: readonly EncodedStatement[]): Promise<Row[][]> => {
    if (closed || (thread === null && options.stopping?.aborted))
      throw new ControlDbUnavailable("the control database is closed");
    thread ??= startThread(options, () => {
      thread = null;
    });
    return thread.ask(statements);
  };
  const executor: Executor = {
    transaction(statements) {
      if (waiting >= LIMITS.controlDbQueueMax) return Promise.reject(new ControlDbUnavailable("too many callers wait"));
      waiting += 1;
      // One at a time, here and not in the thread: what never started is known not to have happened.
      const result = turn.then(() => run(statements));
      turn = result
        .catch(() => undefined)
        .then(() => {
          waiting -= 1;
        });
      return result;
    },
    async close() {
      closed = true;
      await turn;
      await thread?.close();
    },
  };
  return controlDb(executor, options);
}

interface Thread {
  ask(statements: readonly EncodedStatement[]): Promise<Row[][]>;
  close(): Promise<void>;
}

function startThread(options: PgliteOptions, onExit: () => void): Thread {
  const worker = new Worker(new URL("./pglite-thread.ts", import.meta.url), {
    workerData: { dataDir: options.dataDir },
  });
  const opened = Promise.withResolvers<void>();
  const exited = Promise.withResolvers<void>();
  let current: { id: number; answer: PromiseWithResolvers<Row[][]> } | null = null;
  let asked = 0;

  const stop = async () => {
    await worker.terminate();
    await exited.promise;
  };
  const breakOff = () => void stop();
  options.stopping?.addEventListener("abort", breakOff);
  // Callers that wait see the rejection; with none waiting there is nobody to tell.
  opened.promise.finally(() => options.stopping?.removeEventListener("abort", breakOff)).catch(() => undefined);
  let cause: unknown = null;
  let ended: ControlDbUnavailable | null = null;
  worker.on("error", (error) => {
    cause = error;
  });
  worker.on("exit", (code) => {
    ended = new ControlDbUnavailable("the control database stopped", {
      cause: cause ?? new Error(`exit ${code}`),
    });
    opened.reject(ended);
    current?.answer.reject(ended);
    onExit();
    exited.resolve();
  });
  worker.on("message", (reply: PgliteReply) => {
    switch (reply.kind) {
      case "boot":
        options.onBoot?.(reply.stage);
        if (reply.stage === "open") opened.resolve();
        return;
      case "failed":
        cause = new Error(reply.message);
        void stop();
        return;
      case "closed":
        void stop();
        return;
      case "rows":
        if (current?.id === reply.id) current.answer.resolve(reply.rows);
        return;
      case "error": {
        const error = Object.assign(new Error(reply.message), { code: reply.code, constraint: reply.constraint });
        if (current?.id === reply.id) current.answer.reject(error);
      }
    }
  });
  return {
    async ask(statements) {
      await withLimit(opened.promise, LIMITS.controlDbBootMsMax, stop);
      if (ended !== null) throw ended;
      asked += 1;
      const answer = Promise.withResolvers<Row[][]>();
      current = { id: asked, answer };
      worker.postMessage({ id: asked, statements } satisfies PgliteRequest);
      return withLimit(answer.promise, LIMITS.controlDbTransactionMsMax, stop);
    },
    async close() {
      worker.postMessage({ close: true });
      await withLimit(exited.promise, LIMITS.controlDbTransactionMsMax, stop);
    },
  };
}

/** Ends the thread when it does not answer in time; its death then rejects the promise that is waited for. */
async function withLimit<T>(promise: Promise<T>, ms: number, stop: () => Promise<void>): Promise<T> {
  const timer = setTimeout(() => void stop(), ms);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}
