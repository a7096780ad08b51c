import type { IncomingHttpHeaders } from "node:http";
import { isJsonObject, type JsonObject } from "../../shared/contracts/json.ts";
import { EngineFailed } from "./engine.ts";

const MESSAGE_CHARS_MAX = 1_000;
const REJECTED = new Set([400, 404, 413, 415, 422]);
const OVERLOADED = new Set([429, 503]);

/** What an answer with an error status means; `text` is the start of its body. */
export function statusFailure(status: number, headers: IncomingHttpHeaders, text: string): EngineFailed {
  const told = readError(text);
  const message = told.message ?? `the engine answered ${status}`;
  if (status === 401 || status === 403) return new EngineFailed({ reason: "unauthorized", status });
  if (OVERLOADED.has(status))
    return new EngineFailed({ reason: "overloaded", status, retry_after_ms: retryAfterMs(headers["retry-after"]) });
  if (status === 408 || status === 504) return new EngineFailed({ reason: "timeout", status });
  if (!REJECTED.has(status)) return new EngineFailed({ reason: "failed", status, message });
  return new EngineFailed({ reason: "rejected", status, message, code: told.code, param: told.param });
}

function retryAfterMs(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) * 1000 : null;
}

interface Told {
  message: string | null;
  code: string | null;
  param: string | null;
}

/** Error documents of OpenAI's shape, FastAPI's (`detail`) and of the Open Inference Protocol (`error`). */
export function readError(text: string): Told {
  const nothing: Told = { message: null, code: null, param: null };
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // Not a document: nothing of it is quoted.
    return nothing;
  }
  if (!isJsonObject(parsed)) return nothing;
  const { error } = parsed;
  if (typeof error === "string") return { ...nothing, message: line(error) };
  const holder: JsonObject = isJsonObject(error) ? error : parsed;
  return { message: line(holder.message ?? holder.detail), code: short(holder.code), param: short(holder.param) };
}

const short = (value: unknown): string | null =>
  typeof value === "string" && value !== "" && value.length <= 128 ? value : null;

/** One bounded line without control characters. */
function line(value: unknown): string | null {
  if (typeof value !== "string" || value === "") return null;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed.
  return value.replace(/[\u0000-\u001f\u007f]+/g, " ").slice(0, MESSAGE_CHARS_MAX);
}
