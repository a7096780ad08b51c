import { isJsonObject, type JsonObject } from "../../../shared/contracts/json.ts";
import { EgressRefused } from "../../../shared/contracts/ports/egress.ts";
import type { EngineFailure } from "../../../shared/contracts/ports/engine.ts";

const MESSAGE_CHARS_MAX = 1_000;
const RETRY_MS_MAX = 24 * 60 * 60 * 1000;

/** The request itself is wrong: another engine would not like it better. */
const REJECTED = new Set([400, 413, 415, 422]);
/** 529 is Anthropic's "overloaded". */
const OVERLOADED = new Set([429, 503, 529]);

export const isSuccess = (status: number): boolean => status >= 200 && status < 300;

/** What an answer with an error status means. `text` is the start of its body; `secret` never gets through. */
export function statusFailure(
  status: number,
  headers: Pick<Headers, "get">,
  text: string,
  secret: string | null,
  nowMs: number,
): EngineFailure {
  if (status === 401 || status === 403) return { reason: "unauthorized", status };
  if (OVERLOADED.has(status)) return { reason: "overloaded", status, retry_after_ms: retryAfterMs(headers, nowMs) };
  if (status === 408 || status === 504) return { reason: "timeout" };
  const told = readError(text);
  const message = clean(told.message ?? `the engine answered ${status}`, secret);
  if (!REJECTED.has(status)) return { reason: "failed", status, message };
  return { reason: "rejected", status, message, code: told.code, param: told.param };
}

/** `retry-after-ms`, else `retry-after` in seconds or as an HTTP date; null without an understandable hint. */
export function retryAfterMs(headers: Pick<Headers, "get">, nowMs: number): number | null {
  const milliseconds = Number(headers.get("retry-after-ms") ?? Number.NaN);
  if (Number.isFinite(milliseconds)) return bounded(milliseconds);
  const after = headers.get("retry-after");
  if (after === null || after.trim() === "") return null;
  const seconds = Number(after);
  if (Number.isFinite(seconds)) return bounded(seconds * 1000);
  const date = Date.parse(after);
  return Number.isNaN(date) ? null : bounded(date - nowMs);
}
const bounded = (ms: number): number => Math.round(Math.min(RETRY_MS_MAX, Math.max(0, ms)));

interface Told {
  message: string | null;
  code: string | null;
  param: string | null;
}

/** Reads OpenAI's, Anthropic's, RFC 9457's and FastAPI's error documents; other text is not passed on. */
export function readError(text: string): Told {
  const nothing: Told = { message: null, code: null, param: null };
  let body: JsonObject;
  try {
    const parsed: unknown = JSON.parse(text);
    if (!isJsonObject(parsed)) return nothing;
    body = parsed;
  } catch {
    return nothing;
  }
  const { error } = body;
  if (typeof error === "string") return { ...nothing, message: error };
  const holder = isJsonObject(error) ? error : body;
  const code = string(holder.code) ?? (holder === body ? null : string(holder.type));
  return {
    message: string(holder.message) ?? string(holder.detail) ?? null,
    code,
    param: string(holder.param),
  };
}
const string = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);

/** One bounded line without control characters and without our key. */
export function clean(message: string, secret: string | null): string {
  const hidden = secret === null || secret === "" ? message : message.replaceAll(secret, "[redacted]");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed.
  return hidden.replace(/[\u0000-\u001f\u007f]+/g, " ").slice(0, MESSAGE_CHARS_MAX);
}

/**
 * Errors that prove that no request byte was answered for: Node's codes, Deno's and workerd's messages for a connection
 * that was never made. Anything else may have run, so it is `failed` and not free to repeat.
 */
const NEVER_SENT_CODES = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "CERT_HAS_EXPIRED",
  "ERR_TLS_CERT_ALTNAME_INVALID",
]);
const NEVER_SENT_TEXT =
  /client error \(Connect\)|tcp connect error|dns error|connection refused|invalid peer certificate|could not connect/i;

/** What a rejected exchange means. */
export function networkFailure(error: unknown): EngineFailure {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if (at instanceof EgressRefused) return { reason: "unreachable" };
    if ("code" in at && typeof at.code === "string" && NEVER_SENT_CODES.has(at.code)) return { reason: "unreachable" };
    if (NEVER_SENT_TEXT.test(at.message)) return { reason: "unreachable" };
    // Several addresses were tried and each one refused.
    if (at instanceof AggregateError && at.errors.length > 0)
      return at.errors.every((each) => networkFailure(each).reason === "unreachable")
        ? { reason: "unreachable" }
        : { reason: "failed", status: null, message: "the connection broke" };
  }
  return { reason: "failed", status: null, message: "the connection broke" };
}
