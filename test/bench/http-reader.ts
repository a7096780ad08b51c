const LF = 10;
const CR = 13;
const TAIL_BYTES = 32;

/** What a load run needs to know of one answer. */
export interface Answer {
  status: number;
  bodyBytes: number;
  /** Last bytes of the body: tells a complete stream from a cut one. */
  tail: string;
}

/**
 * Incremental reader of HTTP/1.1 answers on one keep-alive connection: `content-length` and chunked bodies, cut anywhere.
 * Throws on anything else. It keeps no body, so that the load generator costs little beside what it measures.
 */
export class HttpReader {
  #state: "head" | "length" | "size" | "data" | "data-end" | "trailer" = "head";
  #pending: Buffer = Buffer.alloc(0);
  #remaining = 0;
  #answer: Answer = { status: 0, bodyBytes: 0, tail: "" };
  readonly #onHead: () => void;
  readonly #onAnswer: (answer: Answer) => void;
  readonly #onBody: ((bytes: Buffer) => void) | undefined;

  /** `onBody` sees the bytes of a body as they come, cut anywhere. */
  constructor(onHead: () => void, onAnswer: (answer: Answer) => void, onBody?: (bytes: Buffer) => void) {
    this.#onHead = onHead;
    this.#onAnswer = onAnswer;
    this.#onBody = onBody;
  }

  feed(bytes: Buffer): void {
    let buffer = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes]);
    for (;;) {
      const used = this.#step(buffer);
      if (used === 0) break;
      buffer = buffer.subarray(used);
      if (buffer.length === 0 && this.#state !== "length") break;
    }
    this.#pending = buffer;
  }

  /** Consumes one element and answers how many bytes that was; 0 when more are needed. */
  #step(buffer: Buffer): number {
    switch (this.#state) {
      case "head": {
        const end = buffer.indexOf("\r\n\r\n");
        if (end < 0) return 0;
        this.#head(buffer.toString("latin1", 0, end));
        return end + 4;
      }
      case "length":
      case "data": {
        const take = Math.min(this.#remaining, buffer.length);
        this.#body(buffer.subarray(0, take));
        this.#remaining -= take;
        if (this.#remaining > 0) return take;
        if (this.#state === "length") this.#finish();
        else this.#state = "data-end";
        return take;
      }
      case "data-end":
        if (buffer.length < 2) return 0;
        if (buffer[0] !== CR || buffer[1] !== LF) throw new Error("chunk without its line end");
        this.#state = "size";
        return 2;
      case "size": {
        const end = buffer.indexOf("\r\n");
        if (end < 0) return 0;
        this.#remaining = Number.parseInt(buffer.toString("latin1", 0, end), 16);
        if (!Number.isInteger(this.#remaining)) throw new Error("chunk without a size");
        this.#state = this.#remaining === 0 ? "trailer" : "data";
        return end + 2;
      }
      case "trailer": {
        const end = buffer.indexOf("\r\n");
        if (end < 0) return 0;
        if (end === 0) this.#finish();
        return end + 2;
      }
    }
  }

  #head(head: string): void {
    const status = /^HTTP\/1\.1 (\d{3})/.exec(head)?.[1];
    if (status === undefined) throw new Error("not an HTTP/1.1 answer");
    this.#answer = { status: Number(status), bodyBytes: 0, tail: "" };
    this.#onHead();
    const length = /\r\ncontent-length:\s*(\d+)/i.exec(head)?.[1];
    if (length !== undefined) {
      this.#remaining = Number(length);
      this.#state = "length";
      if (this.#remaining === 0) this.#finish();
    } else if (/\r\ntransfer-encoding:\s*chunked/i.test(head)) this.#state = "size";
    else throw new Error("an answer without length");
  }

  #body(bytes: Buffer): void {
    this.#answer.bodyBytes += bytes.length;
    this.#onBody?.(bytes);
    const tail = bytes.toString("latin1", Math.max(0, bytes.length - TAIL_BYTES));
    this.#answer.tail = (this.#answer.tail + tail).slice(-TAIL_BYTES);
  }

  #finish(): void {
    this.#state = "head";
    this.#onAnswer(this.#answer);
  }
}
