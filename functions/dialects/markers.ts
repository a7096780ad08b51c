import type { Dialect } from "../../shared/contracts/ports/engine.ts";
import { byteIncludes, bytesOf, hasMember, type MemberNeedle, member, valueOffset } from "./bytes.ts";
import { DONE, type SseFrame } from "./sse-frame.ts";

/** How a stream of one dialect is read without parsing it. */
export interface Markers {
  /** A frame in which one of these has another value than `null` is worth parsing: usage, finish or error. */
  parse: readonly MemberNeedle[];
  /** Data that ends the stream, whole. */
  done: Uint8Array | null;
  /** JSON text of a `type` that ends the stream. */
  terminalTypes: readonly Uint8Array[];
}

const openai: Markers = {
  parse: [member("usage"), member("finish_reason"), member("error")],
  done: bytesOf(DONE),
  terminalTypes: [],
};

/** Content cannot forge a marker: inside JSON text its quotes are escaped. */
export const MARKERS: Readonly<Record<Dialect, Markers>> = {
  "openai.chat": openai,
  "openai.completions": openai,
  "openai.embeddings": openai,
  "openai.responses": {
    parse: [member("usage"), member("error"), member("incomplete_details")],
    done: null,
    terminalTypes: ["response.completed", "response.incomplete", "response.failed"].map((type) => bytesOf(`"${type}"`)),
  },
  "anthropic.messages": {
    parse: [member("usage"), member("error")],
    done: null,
    terminalTypes: [bytesOf('"message_stop"')],
  },
};

const TYPE = member("type");
const TYPED_ERROR = bytesOf('"error"');

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
  if (terminalTypes.some((type) => hasType(payload, type))) return "terminal";
  if (parse.some((needle) => hasMember(payload, needle))) return "notable";
  if (done === null && hasType(payload, TYPED_ERROR)) return "notable";
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

/** Whether a `type` member of the JSON text has the quoted value. */
function hasType(payload: Uint8Array, quoted: Uint8Array): boolean {
  return byteIncludes(payload, quoted) && memberIs(payload, TYPE, quoted);
}

function memberIs(raw: Uint8Array, needle: MemberNeedle, quoted: Uint8Array): boolean {
  for (let at = valueOffset(raw, needle); at !== -1; at = valueOffset(raw, needle, at)) {
    let k = 0;
    while (k < quoted.length && raw[at + k] === quoted[k]) k++;
    if (k === quoted.length) return true;
  }
  return false;
}
