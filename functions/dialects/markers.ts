import type { Dialect } from "../../shared/contracts/ports/engine.ts";
import { bytesOf, hasAnyMember, type MemberSet, member, memberIsAny, memberSet } from "./bytes.ts";
import { DONE, type SseFrame } from "./sse-frame.ts";

/** How a stream of one dialect is read without parsing it. */
export interface Markers {
  /** A frame in which one of these has another value than `null` is worth parsing: usage, finish or error. */
  parse: MemberSet;
  /** Data that ends the stream, whole. */
  done: Uint8Array | null;
  /** JSON text of a `type` that ends the stream. */
  terminalTypes: readonly Uint8Array[];
}

const openai: Markers = {
  parse: memberSet(["usage", "finish_reason", "error"]),
  done: bytesOf(DONE),
  terminalTypes: [],
};

/** Content cannot forge a marker: inside JSON text its quotes are escaped. */
export const MARKERS: Readonly<Record<Dialect, Markers>> = {
  "openai.chat": openai,
  "openai.completions": openai,
  "openai.embeddings": openai,
  "oip.infer": openai,
  "openai.responses": {
    parse: memberSet(["usage", "error", "incomplete_details"]),
    done: null,
    terminalTypes: ["response.completed", "response.incomplete", "response.failed"].map((type) => bytesOf(`"${type}"`)),
  },
  "anthropic.messages": {
    parse: memberSet(["usage", "error"]),
    done: null,
    terminalTypes: [bytesOf('"message_stop"')],
  },
};

const TYPE = member("type");
const TYPED_ERROR = [bytesOf('"error"')];

/**
 * What the relay does with a frame of an engine's stream.
 * `comment`: no data, drop or forward. `opaque`: forward unread. `notable`: parse it, it may tell usage, finish or an
 * error. `terminal`: the stream ends with it; hold it until settlement; its data is `[DONE]` or JSON with usage.
 */
export type FrameKind = "comment" | "opaque" | "notable" | "terminal";

export function frameKind(dialect: Dialect, frame: SseFrame): FrameKind {
  if (!frame.hasData()) return "comment";
  const payload = frame.payload();
  const { parse, done, terminalTypes } = MARKERS[dialect];
  if (done !== null && isDone(payload, done)) return "terminal";
  if (terminalTypes.length > 0 && memberIsAny(payload, TYPE, terminalTypes)) return "terminal";
  if (hasAnyMember(payload, parse)) return "notable";
  if (done === null && memberIsAny(payload, TYPE, TYPED_ERROR)) return "notable";
  return "opaque";
}

/** `[DONE]`, with the spaces that some servers write after it. */
function isDone(payload: Uint8Array, done: Uint8Array): boolean {
  if (payload.length < done.length || payload[0] !== done[0]) return false;
  for (let i = 0; i < payload.length; i++) {
    const byte = payload[i];
    if (i < done.length ? byte !== done[i] : byte !== 0x20) return false;
  }
  return true;
}
