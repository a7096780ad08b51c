import { connect, type Socket } from "node:net";

export type RedisReply = string | number | null | RedisError | RedisReply[];
export class RedisError extends Error {
  override readonly name = "RedisError";
}

/** Reads one RESP2 value at `at`; null while it is incomplete. */
function read(bytes: Buffer, at: number): { reply: RedisReply; next: number } | null {
  const end = bytes.indexOf("\r\n", at);
  if (end === -1) return null;
  const text = bytes.toString("utf8", at + 1, end);
  const next = end + 2;
  switch (String.fromCharCode(bytes[at] ?? 0)) {
    case "+":
      return { reply: text, next };
    case "-":
      return { reply: new RedisError(text), next };
    case ":":
      return { reply: Number(text), next };
    case "$": {
      const length = Number(text);
      if (length < 0) return { reply: null, next };
      if (bytes.length < next + length + 2) return null;
      return { reply: bytes.toString("utf8", next, next + length), next: next + length + 2 };
    }
    case "*": {
      const items: RedisReply[] = [];
      let from = next;
      for (let item = 0; item < Number(text); item++) {
        const value = read(bytes, from);
        if (value === null) return null;
        items.push(value.reply);
        from = value.next;
      }
      return { reply: Number(text) < 0 ? null : items, next: from };
    }
    default:
      throw new Error("not RESP2");
  }
}

/** One pipelined connection: replies come in the order of commands. */
export class RedisConnection {
  readonly #socket: Socket;
  readonly #waiting: { resolve(reply: RedisReply): void; reject(error: Error): void }[] = [];
  #received: Buffer = Buffer.alloc(0);

  constructor(path: string) {
    this.#socket = connect(path);
    this.#socket.on("data", (part) => {
      this.#received = Buffer.concat([this.#received, part]);
      for (let value = read(this.#received, 0); value !== null; value = read(this.#received, 0)) {
        this.#received = this.#received.subarray(value.next);
        this.#waiting.shift()?.resolve(value.reply);
      }
    });
    const fail = (error: Error) => {
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    };
    this.#socket.on("error", fail);
    this.#socket.on("close", () => fail(new Error("Redis is gone")));
  }

  command(words: readonly unknown[]): Promise<RedisReply> {
    if (this.#socket.destroyed) return Promise.reject(new Error("Redis is gone"));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      const texts = words.map((word) => (typeof word === "string" ? word : JSON.stringify(word)));
      this.#socket.write(
        `*${texts.length}\r\n${texts.map((text) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`).join("")}`,
      );
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}
