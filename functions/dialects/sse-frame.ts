const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;
const decoder = new TextDecoder();
const encoder = new TextEncoder();
const EMPTY = new Uint8Array(0);
const DATA = encoder.encode("data");
const EVENT = encoder.encode("event");
const LF_BYTES = Uint8Array.of(LF);

/** One SSE frame. Its fields are read only when asked for. */
export class SseFrame {
  /** Every byte of the frame with its blank line. */
  readonly raw: Uint8Array;
  #payload: Uint8Array | null = null;
  #event: Uint8Array | null = null;
  #hasData = false;

  constructor(raw: Uint8Array) {
    this.raw = raw;
  }

  /** Whether the frame has a `data` field; a comment or keep-alive has none. */
  hasData(): boolean {
    this.#read();
    return this.#hasData;
  }

  /** Bytes of the data fields, joined by LF; a view into `raw` when there is one field. */
  payload(): Uint8Array {
    return this.#read();
  }

  /** The data as text. */
  data(): string {
    return decoder.decode(this.#read());
  }

  /** The event name, null when the frame names none. */
  event(): string | null {
    this.#read();
    return this.#event === null ? null : decoder.decode(this.#event);
  }

  #read(): Uint8Array {
    if (this.#payload !== null) return this.#payload;
    this.#payload = this.#plain() ?? this.#fields();
    return this.#payload;
  }

  /** The value of a frame that is one `data` line with LF ends, as nearly all are; null for any other. */
  #plain(): Uint8Array | null {
    const { raw } = this;
    const end = raw.length - 2;
    if (raw[4] !== COLON || raw.indexOf(LF) !== end || raw.indexOf(CR) !== -1) return null;
    const value = field(raw, 0, end, DATA);
    this.#hasData = value !== null;
    return value;
  }

  #fields(): Uint8Array {
    let payload: Uint8Array = EMPTY;
    const { raw } = this;
    // A byte order mark may open the stream.
    let start = raw[0] === 0xef && raw[1] === 0xbb && raw[2] === 0xbf ? 3 : 0;
    let cr = raw.indexOf(CR, start);
    while (start < raw.length) {
      let end = raw.indexOf(LF, start);
      if (end === -1) end = raw.length;
      // A CR inside the stretch ends the line earlier.
      if (cr !== -1 && cr < start) cr = raw.indexOf(CR, start);
      if (cr !== -1 && cr < end) end = cr;
      const value = field(raw, start, end, DATA);
      if (value !== null) {
        payload = this.#hasData ? join(payload, value) : value;
        this.#hasData = true;
      } else {
        this.#event = field(raw, start, end, EVENT) ?? this.#event;
      }
      start = end + 1;
    }
    return payload;
  }
}

/** The value of a field when the line names it: a bare name, or the name, a colon and at most one space. */
function field(raw: Uint8Array, start: number, end: number, name: Uint8Array): Uint8Array | null {
  const after = start + name.length;
  if (after > end) return null;
  for (let i = 0; i < name.length; i++) if (raw[start + i] !== name[i]) return null;
  if (after === end) return EMPTY;
  if (raw[after] !== COLON) return null;
  return raw.subarray(raw[after + 1] === SPACE ? Math.min(after + 2, end) : after + 1, end);
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + 1 + b.length);
  both.set(a);
  both.set(LF_BYTES, a.length);
  both.set(b, a.length + 1);
  return both;
}

/** `data: …`, LF, blank line. `data` must hold no line break, which JSON text never does. */
export const encodeData = (data: string): Uint8Array<ArrayBuffer> => encoder.encode(`data: ${data}\n\n`);

/** `event: …`, `data: …`, blank line: the form of the Responses and Messages dialects. */
export const encodeEvent = (event: string, data: string): Uint8Array<ArrayBuffer> =>
  encoder.encode(`event: ${event}\ndata: ${data}\n\n`);

/** The last frame of OpenAI-shaped chat and completion streams. */
export const DONE = "[DONE]";
