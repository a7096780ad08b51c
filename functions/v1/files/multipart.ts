import { LIMITS } from "../../../shared/contracts/limits.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import { ProblemError } from "../../problem.ts";

/** One part of a form. Its body is read before the next part is asked for; what is left of it is skipped. */
export interface FormPart {
  name: string;
  /** Null where the part is a field. */
  filename: string | null;
  body: AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined>;
}

const LINE_BREAK = utf8("\r\n");
const malformed = (detail: string) =>
  new ProblemError("invalid-request", { detail: `The form is not valid: ${detail}.` });

/** The boundary of `multipart/form-data` (RFC 2046 §5.1.1), or null for another type or none. */
export function boundaryOf(contentType: string | null): string | null {
  const [type = "", ...parameters] = (contentType ?? "").split(";");
  if (type.trim().toLowerCase() !== "multipart/form-data") return null;
  for (const parameter of parameters) {
    const [, value] = /^\s*boundary=(.*?)\s*$/i.exec(parameter) ?? [];
    const bare = value?.replace(/^"(.*)"$/, "$1");
    if (bare && /^[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]$/.test(bare)) return bare;
  }
  return null;
}

/**
 * The parts of a form (RFC 7578) as they arrive: at most a piece of the source and a boundary's length are held. Throws
 * `invalid-request` for what is no whole form. However it ends, the source has ended too: what follows the last boundary
 * is skipped (RFC 2046 §5.1.1), because a body of which something is left keeps its connection.
 */
export async function* formParts(
  source: AsyncIterable<Uint8Array>,
  boundary: string,
): AsyncGenerator<FormPart, void, undefined> {
  const input = new Input(source);
  const delimiter = utf8(`\r\n--${boundary}`);
  try {
    await skip(input.until(delimiter));
    for (let parts = 0; ; parts++) {
      const rest = await input.line(64);
      if (/^--/.test(rest)) return await input.end();
      if (!/^[ \t]*$/.test(rest)) throw malformed("a boundary is not followed by a line break");
      if (parts >= LIMITS.multipartFieldsMax) throw malformed("it has too many parts");
      const disposition = await dispositionOf(input);
      const name = parameterOf(disposition, "name");
      if (name === null) throw malformed("a part has no name");
      const body = input.until(delimiter);
      yield { name, filename: parameterOf(disposition, "filename"), body };
      await skip(body);
    }
  } finally {
    await input.close();
  }
}

async function skip(body: AsyncIterator<unknown>): Promise<void> {
  while ((await body.next()).done !== true);
}

/** Reads the part's header. */
async function dispositionOf(input: Input): Promise<string> {
  let disposition: string | null = null;
  for (let room: number = LIMITS.multipartHeaderBytesMax; ; ) {
    const line = await input.line(room);
    if (line === "") break;
    room -= line.length + 2;
    const [, name = "", value = ""] = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):(.*)$/s.exec(line) ?? [];
    if (name === "") throw malformed("a part's header is no header");
    if (name.toLowerCase() === "content-disposition") disposition = value.trim();
  }
  if (disposition === null || !/^form-data\s*(?:;|$)/i.test(disposition)) throw malformed("a part is no form data");
  return disposition;
}

/** Names are UTF-8 with `"`, CR and LF percent-encoded (WHATWG HTML, multipart/form-data encoding algorithm). */
function parameterOf(disposition: string, name: string): string | null {
  const match = new RegExp(`;\\s*${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^;\\s]*))`, "i").exec(disposition);
  const text = match?.[1]?.replace(/\\(["\\])/g, "$1") ?? match?.[2];
  return text === undefined ? null : text.replace(/%(22|0D|0A)/gi, (code) => decodeURIComponent(code));
}

/** What has arrived and is not read yet. */
class Input {
  readonly #source: AsyncIterator<Uint8Array>;
  /** The first delimiter may stand at the very beginning, without a line break before it. */
  #held: Uint8Array = LINE_BREAK;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Skips the rest. */
  end(): Promise<void> {
    return skip(this.#source);
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }

  async #more(): Promise<void> {
    const { done, value } = await this.#source.next();
    if (done) throw malformed("it ends early");
    const joined = new Uint8Array(this.#held.length + value.length);
    joined.set(this.#held);
    joined.set(value, this.#held.length);
    this.#held = joined;
  }

  /** The text up to the next line break, which is read too. */
  async line(bytesMax: number): Promise<string> {
    let end = indexOf(this.#held, LINE_BREAK);
    for (; end < 0; end = indexOf(this.#held, LINE_BREAK)) {
      if (this.#held.length > bytesMax) throw malformed("a line of it is too long");
      // The last boundary need not end its line.
      if (this.#held[0] === 0x2d && this.#held[1] === 0x2d) return "--";
      await this.#more();
    }
    if (end > bytesMax) throw malformed("a line of it is too long");
    const text = new TextDecoder().decode(this.#held.subarray(0, end));
    this.#held = this.#held.subarray(end + LINE_BREAK.length);
    return text;
  }

  /** Bytes up to the delimiter, which is read too. */
  async *until(delimiter: Uint8Array): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
    for (;;) {
      const at = indexOf(this.#held, delimiter);
      // What could be the delimiter's beginning waits for what follows.
      const safe = at >= 0 ? at : Math.max(0, this.#held.length - delimiter.length + 1);
      const piece = this.#held.slice(0, safe);
      this.#held = this.#held.subarray(at >= 0 ? at + delimiter.length : safe);
      if (piece.length > 0) yield piece;
      if (at >= 0) return;
      await this.#more();
    }
  }
}

/** Where `wanted` begins, or -1. */
function indexOf(bytes: Uint8Array, wanted: Uint8Array): number {
  const first = wanted[0] ?? 0;
  for (
    let at = bytes.indexOf(first);
    at >= 0 && at + wanted.length <= bytes.length;
    at = bytes.indexOf(first, at + 1)
  ) {
    let same = 1;
    while (same < wanted.length && bytes[at + same] === wanted[same]) same++;
    if (same === wanted.length) return at;
  }
  return -1;
}
