import { Agent, type Dispatcher } from "undici";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Egress, Exchange } from "../../../shared/contracts/ports/egress.ts";

/** The buffer of an answer begins at this size: room for most unary answers and for some frames. */
const BUFFER_BYTES_FIRST = 4 * 1024;
/** What is held for a reader that does not ask; the connection is not read beyond it. */
const BUFFER_BYTES_MAX = 64 * 1024;

/**
 * The exchanges of a host process (Deno, Node), over connections that are kept. The runtimes' `fetch` pays for each part
 * of a body with a pass through a web stream; here what a connection brought at once is one read. HTTP/1.1 alone. Time
 * is the caller's to watch, but for connecting.
 */
export function hostExchange(): Egress["exchange"] {
  const agent = new Agent({
    allowH2: false,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: LIMITS.engineConnectMsMax },
  });
  return (url, { method, headers, body, signal }) => {
    const { origin, pathname, search } = new URL(url);
    const reception = new Reception(signal);
    // Nothing here inflates: a compressed frame could not be passed on as it comes.
    const sent = { ...headers, "accept-encoding": "identity" };
    const pieces = body as string | Uint8Array | null; // safe because: it takes iterables too, which its types leave out
    agent.dispatch({ origin, path: pathname + search, method, headers: sent, body: pieces }, reception);
    return reception.head;
  };
}

type Controller = Dispatcher.DispatchController;
type Heads = Parameters<NonNullable<Dispatcher.DispatchHandler["onResponseStart"]>>[2];

/** What comes of one exchange, from the connection to whoever reads. */
class Reception implements Dispatcher.DispatchHandler, Exchange {
  readonly head: Promise<Exchange>;
  status = 0;
  headers: Exchange["headers"] = { get: () => null };
  readonly #signal: AbortSignal;
  readonly #head: PromiseWithResolvers<Exchange>;
  readonly #aborted = (): void => this.#stop(asError(this.#signal.reason));
  #controller: Controller | null = null;
  #buffer: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #size = 0;
  #over = false;
  #failed: Error | null = null;
  #waiting: (() => void) | null = null;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    this.#head = Promise.withResolvers();
    this.head = this.#head.promise;
    if (signal.aborted) this.#aborted();
    else signal.addEventListener("abort", this.#aborted, { once: true });
  }

  async read(): Promise<Uint8Array | null> {
    if (this.#size === 0 && !this.#over)
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    // Whatever else came with the part that was waited for is there by now.
    if (this.#size > 0) return this.#take();
    if (this.#failed !== null) throw this.#failed;
    return null;
  }

  cancel(): void {
    this.#stop(new Error("canceled"));
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller;
    if (this.#failed !== null) controller.abort(this.#failed);
  }

  onResponseStart(_: Controller, status: number, headers: Heads): void {
    // An informational answer is followed by another one (RFC 9110 §15.2).
    if (status < 200) return;
    this.status = status;
    this.headers = { get: (name) => fieldValue(headers[name.toLowerCase()]) };
    const length = Number(headers["content-length"] ?? 0);
    if (length > 0 && length <= BUFFER_BYTES_MAX) this.#buffer = new Uint8Array(length);
    const encoding = this.headers.get("content-encoding");
    if (encoding === null || encoding === "identity") this.#head.resolve(this);
    else this.#stop(new Error("the answer is compressed, which was not asked for"));
  }

  onResponseData(controller: Controller, part: Uint8Array): void {
    if (this.#over) return;
    const size = this.#size + part.length;
    // The part lies in the connection's own buffer.
    if (size > this.#buffer.length) this.#grow(size);
    this.#buffer.set(part, this.#size);
    this.#size = size;
    if (size >= BUFFER_BYTES_MAX && !controller.paused) controller.pause();
    this.#wake();
  }

  onResponseEnd(): void {
    this.#end(null);
  }

  onResponseError(_: Controller, error: Error): void {
    this.#end(error);
  }

  #stop(reason: Error): void {
    if (this.#over) return;
    this.#size = 0;
    this.#end(reason);
    this.#controller?.abort(reason);
  }

  /** The first end is the end. */
  #end(failed: Error | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#failed = failed;
    this.#signal.removeEventListener("abort", this.#aborted);
    if (failed !== null) this.#head.reject(failed);
    this.#wake();
  }

  #wake(): void {
    this.#waiting?.();
    this.#waiting = null;
  }

  #grow(size: number): void {
    let room = Math.max(BUFFER_BYTES_FIRST, this.#buffer.length);
    while (room < size) room *= 2;
    const larger = new Uint8Array(room);
    larger.set(this.#buffer.subarray(0, this.#size));
    this.#buffer = larger;
  }

  /** A buffer that is mostly full goes with its bytes, out of another one they are copied. */
  #take(): Uint8Array {
    const size = this.#size;
    this.#size = 0;
    const copied = size * 2 < this.#buffer.length;
    const taken = copied ? this.#buffer.slice(0, size) : this.#buffer.subarray(0, size);
    if (!copied) this.#buffer = new Uint8Array(0);
    // Brings what waited behind it, at once.
    if (this.#controller?.paused) this.#controller.resume();
    return taken;
  }
}

const fieldValue = (value: string | string[] | undefined): string | null =>
  value === undefined ? null : Array.isArray(value) ? value.join(", ") : value;

const asError = (reason: unknown): Error => (reason instanceof Error ? reason : new Error(String(reason)));
