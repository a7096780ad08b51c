import { LIMITS } from "../../shared/contracts/limits.ts";
import { SseFrame } from "./sse-frame.ts";

const LF = 0x0a;
const CR = 0x0d;

/** A frame grew past `LIMITS.sseFrameBytesMax` without an end: the stream breaks the protocol. */
export class SseFrameTooLarge extends Error {
  override readonly name = "SseFrameTooLarge";
}

/**
 * Cuts a byte stream into SSE frames without decoding them (WHATWG HTML §9.2.6: lines end with LF, CRLF or CR, a frame
 * with a blank line). The frames depend on the bytes alone, never on where chunks were cut, and the `raw` bytes of all
 * frames and of `end` joined are exactly the input. Blank lines before a frame belong to it.
 */
export class SseSplitter {
  readonly #max: number;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  /** The current line has no byte yet. */
  #lineStart = true;
  /** The current frame has a line that is not blank. */
  #hasLine = false;
  /** The byte before was a CR, so an LF only completes its line end. */
  #afterCr = false;
  /** A blank line ended with CR after an LF or CRLF line: an LF may still belong to it. */
  #closing = false;

  constructor(frameBytesMax: number = LIMITS.sseFrameBytesMax) {
    this.#max = frameBytesMax;
  }

  /** Frames completed by this chunk, in order. Throws `SseFrameTooLarge`. The chunk must not be changed afterwards. */
  push(chunk: Uint8Array): SseFrame[] {
    const frames: SseFrame[] = [];
    const onlyLf = chunk.indexOf(CR) === -1;
    let start = 0;
    let at = 0;
    while (at < chunk.length) {
      const byte = chunk[at];
      let cut = -1;
      if (byte === LF) cut = this.#lf(at);
      else if (byte === CR) cut = this.#cr(at);
      else {
        if (this.#closing) cut = at;
        this.#afterCr = false;
        if (cut === -1) {
          this.#lineStart = false;
          this.#hasLine = true;
          if (onlyLf) {
            const next = chunk.indexOf(LF, at + 1);
            at = next === -1 ? chunk.length : next;
            continue;
          }
        }
      }
      if (cut === -1) {
        at++;
        continue;
      }
      frames.push(this.#take(chunk.subarray(start, cut)));
      start = cut;
      at = cut;
    }
    if (start < chunk.length) this.#hold(start === 0 ? chunk : chunk.subarray(start));
    return frames;
  }

  /** What followed the last complete frame, as a frame without its blank line; null when nothing did. */
  end(): SseFrame | null {
    return this.#heldBytes === 0 ? null : this.#take(new Uint8Array(0));
  }

  #lf(at: number): number {
    if (this.#afterCr) {
      this.#afterCr = false;
      return this.#closing ? at + 1 : -1;
    }
    if (this.#closing) return at;
    return this.#lineEnds() ? at + 1 : -1;
  }

  #cr(at: number): number {
    if (this.#closing) return at;
    const loneCrBefore = this.#afterCr;
    const blank = this.#lineEnds();
    this.#afterCr = true;
    if (!blank) return -1;
    if (loneCrBefore) return at + 1;
    this.#closing = true;
    return -1;
  }

  /** Whether the line that ends here is the blank line that ends a frame. */
  #lineEnds(): boolean {
    const blank = this.#lineStart && this.#hasLine;
    this.#lineStart = true;
    return blank;
  }

  #hold(part: Uint8Array): void {
    this.#heldBytes += part.length;
    if (this.#heldBytes > this.#max) throw new SseFrameTooLarge();
    this.#held.push(part);
  }

  #take(tail: Uint8Array): SseFrame {
    this.#lineStart = true;
    this.#hasLine = false;
    this.#closing = false;
    if (this.#heldBytes + tail.length > this.#max) throw new SseFrameTooLarge();
    if (this.#heldBytes === 0) return new SseFrame(tail);
    const raw = new Uint8Array(this.#heldBytes + tail.length);
    let offset = 0;
    for (const part of this.#held) {
      raw.set(part, offset);
      offset += part.length;
    }
    raw.set(tail, offset);
    this.#held = [];
    this.#heldBytes = 0;
    return new SseFrame(raw);
  }
}
