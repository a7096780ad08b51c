import { LIMITS } from "../../../shared/contracts/limits.ts";

/** An answer that breaks HTTP/1.1, or that ended before it was complete. */
export class BadAnswer extends Error {
  override readonly name = "BadAnswer";
}

export interface AnswerHead {
  status: number;
  headers: Headers;
}

const CR = 0x0d;
const LF = 0x0a;
const SEMICOLON = 0x3b;
const EMPTY = new Uint8Array(0);
const latin1 = new TextDecoder("latin1");
const STATUS_LINE = /^HTTP\/1\.[01] ([1-5]\d\d)(?: .*)?$/;
const HEADER_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/;
/** Eight digits are 4 GiB: no chunk of an engine is as large. */
const SIZE_DIGITS_MAX = 8;
/** Size and extensions of one chunk, on one line. */
const SIZE_LINE_BYTES_MAX = 256;

type State =
  | "head"
  | "length"
  | "close"
  | "size"
  | "extension"
  | "size-end"
  | "data"
  | "data-cr"
  | "data-lf"
  | "trailer"
  | "trailer-line"
  | "trailer-end"
  | "over";

/**
 * Reads one answer of HTTP/1.1 from the bytes of a connection, cut anywhere (RFC 9112): whatever came together is given
 * together, however many chunks it was. Interim answers are passed over. Throws `BadAnswer`.
 */
export class Http1Answer {
  /** Null until the head is complete. */
  head: AnswerHead | null = null;
  #state: State = "head";
  #pending: Uint8Array = EMPTY;
  #left = 0;
  #digits = 0;
  #lineBytes = 0;

  /** Whether the answer is complete; what follows it is not looked at. */
  get over(): boolean {
    return this.#state === "over";
  }

  /** Bytes of the body among those of the connection: a copy, the caller's own. */
  push(bytes: Uint8Array): Uint8Array {
    const body = this.#state === "head" ? this.#heads(bytes) : bytes;
    if (body.length === 0 || this.#state === "over") return EMPTY;
    switch (this.#state) {
      case "close":
        return body.slice();
      case "length": {
        const taken = body.slice(0, this.#left);
        this.#left -= taken.length;
        if (this.#left === 0) this.#state = "over";
        return taken;
      }
      default:
        return this.#chunks(body);
    }
  }

  /** The connection ended. */
  end(): void {
    if (this.#state !== "close" && this.#state !== "over")
      throw new BadAnswer("the answer ended before it was complete");
    this.#state = "over";
  }

  /** What follows the head, as far as the head is complete. */
  #heads(bytes: Uint8Array): Uint8Array {
    let rest = this.#pending.length === 0 ? bytes : joined(this.#pending, bytes);
    for (;;) {
      const end = headEnd(rest);
      if (end > LIMITS.engineHeadBytesMax || (end === -1 && rest.length > LIMITS.engineHeadBytesMax))
        throw new BadAnswer("the head of the answer is too large");
      if (end === -1) {
        this.#pending = rest.slice();
        return EMPTY;
      }
      const head = parseHead(latin1.decode(rest.subarray(0, end)));
      rest = rest.subarray(end + 4);
      if (head.status >= 200) {
        this.#pending = EMPTY;
        this.head = head;
        this.#frame(head);
        return rest;
      }
      if (head.status === 101) throw new BadAnswer("the answer changes the protocol");
    }
  }

  /** How the body is delimited (RFC 9112 §6.3). */
  #frame({ status, headers }: AnswerHead): void {
    const coding = headers.get("transfer-encoding");
    const length = headers.get("content-length");
    if (status === 204 || status === 304) this.#state = "over";
    else if (coding !== null) {
      if (coding.toLowerCase() !== "chunked" || length !== null)
        throw new BadAnswer("the length of the answer is not clear");
      this.#size();
    } else if (length !== null) {
      if (!/^\d{1,15}$/.test(length)) throw new BadAnswer("the length of the answer is not clear");
      this.#left = Number(length);
      this.#state = this.#left === 0 ? "over" : "length";
    } else this.#state = "close";
  }

  #size(): void {
    this.#state = "size";
    this.#left = 0;
    this.#digits = 0;
    this.#lineBytes = 0;
  }

  #chunks(bytes: Uint8Array): Uint8Array {
    const body = new Uint8Array(bytes.length);
    let filled = 0;
    for (let at = 0; at < bytes.length && this.#state !== "over"; ) {
      if (this.#state === "data") {
        const part = bytes.subarray(at, at + this.#left);
        body.set(part, filled);
        filled += part.length;
        at += part.length;
        this.#left -= part.length;
        if (this.#left === 0) this.#state = "data-cr";
      } else this.#between(bytes[at++] ?? 0);
    }
    return body.subarray(0, filled);
  }

  /** One byte of what stands between the data of two chunks, or behind the last. */
  #between(byte: number): void {
    switch (this.#state) {
      case "size": {
        const digit = hexDigit(byte);
        if (digit !== -1) {
          if (++this.#digits > SIZE_DIGITS_MAX) throw new BadAnswer("a chunk is too large");
          this.#left = this.#left * 16 + digit;
        } else if (this.#digits === 0) throw new BadAnswer("a chunk without a size");
        else if (byte === CR) this.#state = "size-end";
        else if (byte === SEMICOLON || byte === 0x20 || byte === 0x09) this.#state = "extension";
        else throw new BadAnswer("the size of a chunk is no number");
        return;
      }
      case "extension":
        if (++this.#lineBytes > SIZE_LINE_BYTES_MAX) throw new BadAnswer("the extension of a chunk is too large");
        if (byte === CR) this.#state = "size-end";
        return;
      case "size-end":
        expect(byte, LF);
        this.#state = this.#left === 0 ? "trailer" : "data";
        this.#lineBytes = 0;
        return;
      case "data-cr":
        expect(byte, CR);
        this.#state = "data-lf";
        return;
      case "data-lf":
        expect(byte, LF);
        this.#size();
        return;
      case "trailer":
        this.#state = byte === CR ? "trailer-end" : "trailer-line";
        return;
      case "trailer-line":
        if (++this.#lineBytes > LIMITS.engineHeadBytesMax)
          throw new BadAnswer("the trailer of the answer is too large");
        if (byte === LF) this.#state = "trailer";
        return;
      case "trailer-end":
        expect(byte, LF);
        this.#state = "over";
        return;
      default:
        throw new Error(`no line stands in ${this.#state}`);
    }
  }
}

function expect(byte: number, wanted: number): void {
  if (byte !== wanted) throw new BadAnswer("a chunk has another length than it says");
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** Where the blank line begins that ends a head: the line end before it; -1 while there is none. */
function headEnd(bytes: Uint8Array): number {
  for (let at = bytes.indexOf(CR); at !== -1; at = bytes.indexOf(CR, at + 1))
    if (bytes[at + 1] === LF && bytes[at + 2] === CR && bytes[at + 3] === LF) return at;
  return -1;
}

function parseHead(text: string): AnswerHead {
  const [first = "", ...lines] = text.split("\r\n");
  const status = STATUS_LINE.exec(first)?.[1];
  if (status === undefined) throw new BadAnswer("not an answer of HTTP/1.1");
  const headers = new Headers();
  for (const line of lines) {
    const [, name, value] = HEADER_LINE.exec(line) ?? [];
    if (name === undefined || value === undefined) throw new BadAnswer("a header line of the answer is malformed");
    try {
      headers.append(name, value);
    } catch (cause) {
      throw new BadAnswer("a header of the answer has no valid value", { cause });
    }
  }
  return { status: Number(status), headers };
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
