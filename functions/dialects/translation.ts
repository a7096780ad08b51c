import type { JsonObject } from "../../shared/contracts/json.ts";
import type { Result } from "../../shared/contracts/result.ts";
import type { Untranslatable } from "./untranslatable.ts";

export interface RequestOptions {
  /** Output cap for dialects that demand one (Anthropic's `max_tokens`) when the caller named none. */
  outputTokensDefault: number;
}

/** What an answer needs and the engine's answer does not say; everything is passed in, so translations are pure. */
export interface AnswerContext {
  /** Id of the answer in the form of the surface: `chatcmpl-…`, `resp_…`, `msg_…`. Ids of items derive from it. */
  id: string;
  /** Unix seconds. */
  createdS: number;
  /** The model name that the caller is to see. */
  model: string;
  /** The request as the caller sent it: Responses answers repeat its settings, streams read `stream_options`. */
  request: JsonObject;
  /** Members that the cell adds to the answer object, such as `store` and `previous_response_id`. */
  extra?: JsonObject;
}

/** A frame of the surface, ready to send. The response commitment is over `data`. */
export interface SurfaceFrame {
  data: string;
  raw: Uint8Array<ArrayBuffer>;
}

export interface StreamFailure {
  message: string;
  type: string;
  code: string | null;
  param: string | null;
}

/** Turns one engine stream into one surface stream, frame by frame. */
export interface StreamTranslator {
  /** Frames for one parsed data frame of the engine (never `[DONE]`). None of them is terminal. Throws `StreamProtocolError`. */
  push(frame: JsonObject): SurfaceFrame[];
  /** Whether the engine said why it stopped; a stream that ends before that is truncated and must end with `fail`. */
  readonly finished: boolean;
  /** The closing frames, usage and terminal frame included; to be sent after settlement. Only when `finished`. */
  end(): SurfaceFrame[];
  /** The error frame in the form of the surface; the connection is to be destroyed after it. */
  fail(failure: StreamFailure): SurfaceFrame[];
}

/** From a surface to an engine's dialect, and back. */
export interface Translation {
  request(body: JsonObject, options: RequestOptions): Result<JsonObject, Untranslatable>;
  answer(body: JsonObject, context: AnswerContext): Result<JsonObject, Untranslatable>;
  stream(context: AnswerContext): StreamTranslator;
}

/** The engine's stream breaks its own dialect. */
export class StreamProtocolError extends Error {
  override readonly name = "StreamProtocolError";
}
