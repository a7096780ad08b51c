/**
 * What may be on its way to a reader at once. Every half window a ping goes along, and its pong says that all before it
 * was read: whoever does not answer is sent nothing more, on runtimes that tell nothing of their buffers too.
 */
export class SendWindow {
  readonly #bytes: number;
  readonly #out: (text: string) => void;
  readonly #ping: (id: string) => string;
  #sent = 0;
  #read = 0;
  #marked = 0;
  #marks = 0;
  /** Pings without a pong yet, oldest first, with what was sent up to each. */
  #pings: { id: string; upTo: number }[] = [];
  #waiting: (() => void)[] = [];

  constructor(bytes: number, out: (text: string) => void, ping: (id: string) => string) {
    this.#bytes = bytes;
    this.#out = out;
    this.#ping = ping;
  }

  /** Characters that were sent and not known to be read. */
  get unread(): number {
    return this.#sent - this.#read;
  }

  send(text: string): void {
    this.#sent += text.length;
    this.#out(text);
    if (this.#sent - this.#marked >= this.#bytes / 2) this.mark();
  }

  /** Asks the reader how far it is; not again while it has not answered for all that was sent. */
  mark(): void {
    const last = this.#pings.at(-1);
    if (last !== undefined && last.upTo === this.#sent) return;
    const id = String(++this.#marks);
    this.#marked = this.#sent;
    this.#pings.push({ id, upTo: this.#sent });
    this.#out(this.#ping(id));
  }

  /** False for a pong of no ping. */
  answered(id: string): boolean {
    const at = this.#pings.findIndex((ping) => ping.id === id);
    if (at < 0) return false;
    this.#read = this.#pings[at]?.upTo ?? this.#read;
    this.#pings = this.#pings.slice(at + 1);
    for (const wake of this.#waiting.splice(0)) wake();
    return true;
  }

  /** Resolves once more may be sent, or after `close`. */
  async room(): Promise<void> {
    while (this.unread >= this.#bytes) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Whoever waits goes on, to find the reader gone. */
  close(): void {
    this.#read = Number.POSITIVE_INFINITY;
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
