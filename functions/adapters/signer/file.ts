import { Worker } from "node:worker_threads";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import { type Signer, SignerUnavailable, type VerifierKey } from "../../../shared/contracts/ports/signer.ts";
import { cachedKeys } from "./cached-keys.ts";
import type { ThreadCall, ThreadReply, ThreadRequest, ThreadStart } from "./file-protocol.ts";
import { type SignerService, type SigningAnswer, signerOver } from "./signer-service.ts";

export interface FileSignerOptions {
  /** `signing-keys.json` in the home; made by the first call where there is none, and never again after that. */
  path: string;
  /** Entries of this cell may be as old as this: the first pair is in force since then. */
  sinceMs: number;
  clock: Clock;
  /** Told once when signing becomes unavailable, with the reason in words for the operator, and once when it is back. */
  onChange?: (state: { available: true } | { available: false; reason: string }) => void;
}

export interface FileSigner extends Signer {
  /** Ends the thread once what it signs is signed; later calls are `SignerUnavailable`. */
  close(): Promise<void>;
}

/**
 * Signs with the key file of a home, in a thread: the loop that answers calls never waits for a signature, and the seeds
 * are in the thread's memory alone. The file is read again when it changes. A thread that dies or hangs fails its caller
 * and is started anew by the next call.
 */
export function fileSigner(options: FileSignerOptions): FileSigner {
  const { path, sinceMs, clock, onChange } = options;
  let thread: Thread | null = null;
  let created = false;
  let closed = false;
  let waiting = 0;
  let turn: Promise<unknown> = Promise.resolve();
  let reading: Promise<SigningAnswer<VerifierKey[]>> | null = null;
  let fault: string | null = null;

  const told = (reason: string | null): void => {
    if (reason === fault) return;
    fault = reason;
    onChange?.(reason === null ? { available: true } : { available: false, reason });
  };
  const run = async (call: ThreadCall): Promise<unknown> => {
    if (closed) throw new SignerUnavailable("the signer is closed");
    thread ??= startThread({ path, sinceMs: created ? null : sinceMs }, () => {
      thread = null;
    });
    try {
      return await thread.ask(call);
    } catch (cause) {
      if (cause instanceof SignerUnavailable) told(cause.message);
      throw cause;
    }
  };
  /** One at a time, here and not in the thread, so that a time limit is about the call it is set for. */
  function queued<T>(call: ThreadCall): Promise<SigningAnswer<T>> {
    if (waiting >= LIMITS.signerQueueMax) return Promise.reject(new SignerUnavailable("too many callers wait"));
    waiting += 1;
    const result = turn.then(() => run(call)) as Promise<SigningAnswer<T>>; // safe because: `signerOver` parses each answer
    turn = result
      .then((answer) => {
        if (answer.ok) {
          created = true;
          told(null);
        } else if (answer.error.reason === "unavailable") told(answer.error.message);
      })
      .catch(() => undefined)
      .then(() => {
        waiting -= 1;
      });
    return result;
  }
  const service: SignerService = {
    // Anybody may ask for the public keys: all who ask at once share one question.
    keys() {
      reading ??= queued<VerifierKey[]>({ method: "keys" }).finally(() => {
        reading = null;
      });
      return reading;
    },
    signCheckpoint: (checkpoint) => queued({ method: "signCheckpoint", checkpoint }),
    signStatement: (statement) => queued({ method: "signStatement", statement }),
  };
  return {
    ...cachedKeys(signerOver(service), clock),
    async close() {
      closed = true;
      await turn;
      await thread?.stop();
    },
  };
}

interface Thread {
  ask(call: ThreadCall): Promise<unknown>;
  stop(): Promise<void>;
}

function startThread(start: ThreadStart, onExit: () => void): Thread {
  const worker = new Worker(new URL("./file-thread.ts", import.meta.url), { workerData: start });
  const exited = Promise.withResolvers<void>();
  let current: { id: number; answer: PromiseWithResolvers<unknown>; timer: ReturnType<typeof setTimeout> } | null =
    null;
  let asked = 0;
  let ready = false;
  let cause: unknown = null;
  let ended: SignerUnavailable | null = null;

  const stop = async (): Promise<void> => {
    await worker.terminate();
    await exited.promise;
  };
  worker.on("error", (error) => {
    cause = error;
  });
  worker.on("exit", (code) => {
    ended = new SignerUnavailable("the signer's thread stopped", { cause: cause ?? new Error(`exit ${code}`) });
    current?.answer.reject(ended);
    onExit();
    exited.resolve();
  });
  // A thread that hangs is ended; its end rejects the promise that is waited for.
  const endIn = (ms: number) => setTimeout(() => void stop(), ms);
  worker.on("message", (reply: ThreadReply) => {
    if ("ready" in reply) {
      ready = true;
      if (current === null) return;
      clearTimeout(current.timer);
      current.timer = endIn(LIMITS.signerAnswerMsMax);
      return;
    }
    if (current?.id !== reply.id) return;
    if ("bug" in reply) current.answer.reject(new Error(`the signer failed: ${reply.bug}`));
    else current.answer.resolve(reply.answer);
  });
  return {
    async ask(call) {
      if (ended !== null) throw ended;
      asked += 1;
      const answer = Promise.withResolvers<unknown>();
      const waited = { id: asked, answer, timer: endIn(ready ? LIMITS.signerAnswerMsMax : LIMITS.signerStartMsMax) };
      current = waited;
      worker.postMessage({ ...call, id: asked } satisfies ThreadRequest);
      try {
        return await answer.promise;
      } finally {
        clearTimeout(waited.timer);
        current = null;
      }
    },
    stop,
  };
}
