import type { JsonObject } from "../../shared/contracts/json.ts";
import type { Dialect } from "../../shared/contracts/ports/engine.ts";
import { objectOf, textOf } from "./json-read.ts";
import { encodeData, encodeEvent } from "./sse-frame.ts";
import type { StreamFailure, SurfaceFrame } from "./translation.ts";

/**
 * The last frame of a stream that failed after its first byte (WIRE rule 4); the connection is destroyed after it.
 * Responses events carry both the flat members that its protocol names and the `error` object that every SDK raises on.
 */
export function errorFrame(surface: Dialect, failure: StreamFailure, sequenceNumber = 0): SurfaceFrame {
  const { message, type, code, param } = failure;
  const error: JsonObject = { message, type, param, code };
  switch (surface) {
    case "openai.responses": {
      const data = JSON.stringify({ type: "error", code, message, param, sequence_number: sequenceNumber, error });
      return { data, raw: encodeEvent("error", data) };
    }
    case "anthropic.messages": {
      const data = JSON.stringify({ type: "error", error: { type, message, code, param } });
      return { data, raw: encodeEvent("error", data) };
    }
    case "openai.chat":
    case "openai.completions":
    case "openai.embeddings":
    case "oip.infer": {
      const data = JSON.stringify({ error });
      return { data, raw: encodeData(data) };
    }
  }
}

/** The error that an engine's parsed frame or answer tells, null when it tells none. */
export function reportedError(frame: JsonObject): { message: string; code: string | null } | null {
  const failed = frame.type === "response.failed" ? objectOf(objectOf(frame.response)?.error) : null;
  const flat = frame.type === "error" && objectOf(frame.error) === null ? frame : null;
  const error = failed ?? flat ?? objectOf(frame.error);
  if (error === null) {
    const text = textOf(frame.error);
    return text === null ? null : { message: text, code: null };
  }
  return {
    message: textOf(error.message) ?? "the engine told no reason",
    code: textOf(error.code) ?? textOf(error.type),
  };
}
