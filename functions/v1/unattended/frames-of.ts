import { utf8 } from "../../../shared/crypto/utf8.ts";
import { concat } from "../../inference/result-keeper.ts";
import type { Answer } from "./answered.ts";

/** A frame of a log is at most so long; a longer piece of an answer is several. */
const FRAME_BYTES_MAX = 256 * 1024;
const LF = 0x0a;
const COLON = 0x3a;

export interface Frames {
  frames: AsyncGenerator<Uint8Array, void, undefined>;
  /** Ends them, also while one is awaited: the answer's maker is told that nobody reads on. */
  cancel(): Promise<void>;
}

/** The same frames of bytes that are all at hand. */
export const framesIn = (bytes: Uint8Array, stream: boolean): Uint8Array[] => [
  ...(stream ? wholeEvents(bytes).events : cut(bytes)),
];

/** An answer as the frames of a log: events of a stream, pieces of anything else. Rejects where the answer breaks off. */
export function framesOf({ body, stream }: Pick<Answer, "body" | "stream">): Frames {
  if (!(body instanceof ReadableStream)) {
    const bytes = typeof body === "string" ? utf8(body) : body;
    return { frames: whole(bytes), cancel: async () => {} };
  }
  const reader = body.getReader();
  return { frames: stream ? events(reader) : pieces(reader), cancel: (): Promise<void> => reader.cancel() };
}

function* cut(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += FRAME_BYTES_MAX) yield bytes.slice(at, at + FRAME_BYTES_MAX);
}

async function* whole(bytes: Uint8Array) {
  yield* cut(bytes);
}

async function* pieces(reader: ReadableStreamDefaultReader<Uint8Array>) {
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield* cut(value);
  }
}

/** One frame an event; comments keep connections alive and are no part of the answer. */
async function* events(reader: ReadableStreamDefaultReader<Uint8Array>) {
  let held: Uint8Array = new Uint8Array();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const { events, rest } = wholeEvents(
      held.byteLength === 0 ? value : concat([held, value], held.byteLength + value.byteLength),
    );
    yield* events;
    held = rest;
  }
  if (held.byteLength > 0) yield* cut(held);
}

function wholeEvents(bytes: Uint8Array): { events: Uint8Array[]; rest: Uint8Array } {
  const events: Uint8Array[] = [];
  let from = 0;
  for (let at = 1; at < bytes.byteLength; at++) {
    if (bytes[at] !== LF || bytes[at - 1] !== LF) continue;
    if (bytes[from] !== COLON) events.push(...cut(bytes.subarray(from, at + 1)));
    from = at + 1;
    at++;
  }
  return { events, rest: bytes.subarray(from) };
}
