import type { Egress, Exchange, ExchangeRequest } from "../../../shared/contracts/ports/egress.ts";
import { Http1Answer } from "./http1-answer.ts";

/** A connection of one exchange, as `cloudflare:sockets` opens it. */
export interface PlainSocket {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  /** Rejects where nothing was connected, and so nothing sent. */
  readonly opened: Promise<unknown>;
  readonly closed: Promise<unknown>;
  close(): Promise<void>;
}
/** Opens a connection; what fails is told by the socket. */
export type OpenSocket = (address: { hostname: string; port: number }) => PlainSocket;

const HTTP_PORT = 80;
/** One read gives what arrived since the one before it, up to this. */
const BUFFER_BYTES = 32 * 1024;
const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Visible characters of one byte, with blanks. */
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** What the connection itself is told by this exchange alone. */
const OWN_FIELDS = new Set(["host", "content-length", "connection", "transfer-encoding", "accept-encoding"]);
const encoder = new TextEncoder();
const NOTHING = new Uint8Array(0);
const LINE_END = encoder.encode("\r\n");
const LAST_CHUNK = encoder.encode("0\r\n\r\n");
/** Whoever reads the answer hears of it. */
const heard = () => undefined;

/** Whether an exchange over a connection of its own costs less: a stream, over plain HTTP. */
export const isPlainStream = (url: string, { method, headers }: ExchangeRequest): boolean =>
  method === "POST" && headers.accept === "text/event-stream" && url.startsWith("http://");

/**
 * Exchanges over plain HTTP/1.1, each over a connection of its own. Reading a body from `fetch` costs workerd a turn of
 * its event loop, a lock and a promise for each chunk, even when all of them have arrived; from a socket it costs that
 * for each read, whatever it holds. Nothing is inflated: an answer that is compressed all the same is refused.
 */
export function socketExchange(open: OpenSocket): Egress["exchange"] {
  return async (url, request) => {
    request.signal.throwIfAborted();
    const target = new URL(url);
    const bytes = requestBytes(target, request);
    const pieces = isPieces(request.body) ? request.body : null;
    const socket = open({ hostname: bareName(target.hostname), port: Number(target.port || HTTP_PORT) });
    socket.opened.catch(heard);
    socket.closed.catch(heard);
    return new SocketExchange(socket, request.signal).begin(bytes, pieces);
  };
}

/** fresh → headed → over. */
class SocketExchange implements Exchange {
  status = 0;
  headers: Exchange["headers"] = { get: () => null };
  readonly #socket: PlainSocket;
  readonly #reader: ReadableStreamBYOBReader;
  readonly #signal: AbortSignal;
  readonly #answer = new Http1Answer();
  readonly #aborted = (): void => this.#end(asError(this.#signal.reason));
  #buffer = new Uint8Array(BUFFER_BYTES);
  #held: Uint8Array | null = null;
  #failed: Error | null = null;
  #over = false;
  /** Ends what waits for the connection. */
  #refuse: ((reason: Error) => void) | null = null;

  constructor(socket: PlainSocket, signal: AbortSignal) {
    this.#socket = socket;
    this.#signal = signal;
    this.#reader = socket.readable.getReader({ mode: "byob" });
    signal.addEventListener("abort", this.#aborted, { once: true });
  }

  async begin(request: Uint8Array, pieces: AsyncIterable<Uint8Array> | null): Promise<Exchange> {
    const writer = this.#socket.writable.getWriter();
    writer.closed.catch(heard);
    writer.write(request).catch(heard);
    // Its own failures end the exchange.
    if (pieces !== null) void this.#sendPieces(writer, pieces[Symbol.asyncIterator]());
    try {
      let body = await this.#next();
      while (this.#answer.head === null) body = await this.#next();
      const { status, headers } = this.#answer.head;
      const encoding = headers.get("content-encoding");
      if (encoding !== null && encoding !== "identity")
        throw new Error("the answer is compressed, which was not asked for");
      this.status = status;
      this.headers = headers;
      this.#held = body;
      return this;
    } catch (thrown) {
      const failed = this.#failed ?? (await this.#connected(asError(thrown)));
      this.#end(failed);
      throw failed;
    }
  }

  async read(): Promise<Uint8Array | null> {
    try {
      for (;;) {
        if (this.#failed !== null) throw this.#failed;
        const bytes = this.#held ?? (await this.#next());
        this.#held = null;
        if (this.#answer.over) this.#end(null);
        if (bytes === null || bytes.length > 0) return bytes;
      }
    } catch (thrown) {
      this.#end(asError(thrown));
      throw this.#failed ?? thrown;
    }
  }

  cancel(): void {
    this.#held = null;
    this.#end(new Error("canceled"));
  }

  /** Sends each piece as one chunk. Never rejects. */
  async #sendPieces(writer: WritableStreamDefaultWriter<Uint8Array>, pieces: AsyncIterator<Uint8Array>): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await pieces.next();
        if (done) break;
        if (value.length === 0) continue;
        const open = !this.#over && (await writer.write(chunkOf(value)).then(() => true, heard));
        if (open !== true) return void (await pieces.return?.());
      }
      writer.write(LAST_CHUNK).catch(heard);
    } catch (thrown) {
      this.#end(asError(thrown));
    }
  }

  /** What came of the body, null at its end. */
  #next(): Promise<Uint8Array | null> {
    if (this.#answer.over) return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      if (this.#failed !== null) return reject(this.#failed);
      this.#refuse = reject;
      this.#reader.read(this.#buffer).then(({ done, value }) => {
        try {
          if (done || value === undefined) {
            this.#answer.end();
            return resolve(null);
          }
          this.#buffer = new Uint8Array(value.buffer);
          resolve(this.#answer.push(value));
        } catch (thrown) {
          reject(thrown);
        }
      }, reject);
    });
  }

  /** A failure of the connection tells whether there ever was one: without it the request was sent to nobody. */
  #connected(failed: Error): Promise<Error> {
    return this.#socket.opened.then(
      () => failed,
      (cause: unknown) => new Error("could not connect", { cause }),
    );
  }

  /** Gives the connection back; the first end is the end. */
  #end(failed: Error | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#failed = failed;
    this.#signal.removeEventListener("abort", this.#aborted);
    if (failed !== null) this.#refuse?.(failed);
    this.#socket.close().catch(heard);
  }
}

const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));

/** The name to connect to: an address of IPv6 stands without the brackets that it has in a URL. */
const bareName = (hostname: string): string => hostname.replace(/^\[(.*)\]$/, "$1");

const isPieces = (body: ExchangeRequest["body"]): body is AsyncIterable<Uint8Array> =>
  body !== null && typeof body === "object" && !(body instanceof Uint8Array);

function chunkOf(piece: Uint8Array): Uint8Array {
  const size = encoder.encode(`${piece.length.toString(16)}\r\n`);
  const chunk = new Uint8Array(size.length + piece.length + 2);
  chunk.set(size);
  chunk.set(piece, size.length);
  chunk.set(LINE_END, size.length + piece.length);
  return chunk;
}

/** The request, with a body that is whole. Throws `TypeError` for a header that would break its line. */
function requestBytes({ host, pathname, search }: URL, { method, headers, body }: ExchangeRequest): Uint8Array {
  const content = body === null || isPieces(body) ? NOTHING : typeof body === "string" ? encoder.encode(body) : body;
  // A URL's path and query are escaped: they hold neither blanks nor line ends.
  let head = `${method} ${pathname}${search} HTTP/1.1\r\nhost: ${host}\r\n`;
  for (const name in headers) {
    const value = headers[name] ?? "";
    if (!FIELD_NAME.test(name) || !FIELD_VALUE.test(value)) throw new TypeError("a header is no header");
    if (!OWN_FIELDS.has(name.toLowerCase())) head += `${name}: ${value}\r\n`;
  }
  if (isPieces(body)) head += "transfer-encoding: chunked\r\n";
  else if (body !== null) head += `content-length: ${content.length}\r\n`;
  head += "accept-encoding: identity\r\nconnection: close\r\n\r\n";
  const bytes = new Uint8Array(head.length + content.length);
  // Each character is one byte.
  for (let at = 0; at < head.length; at++) bytes[at] = head.charCodeAt(at);
  bytes.set(content, head.length);
  return bytes;
}
