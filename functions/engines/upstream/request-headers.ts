import { EngineError, type EngineRequest } from "../../../shared/contracts/ports/engine.ts";

/** A value that a header carries as it is: visible ASCII, with spaces inside. */
const PLAIN = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

/**
 * Headers of an upstream's request, those of the upstream itself first. As a plain object: what sends it copies it, and
 * would copy a `Headers` at twice the price. Throws `EngineError` where the credential is no header's value.
 */
export function requestHeaders(
  own: Record<string, string>,
  { stream, traceparent, tracestate }: Pick<EngineRequest, "stream" | "traceparent" | "tracestate">,
): Record<string, string> {
  const headers: Record<string, string> = {
    ...own,
    "content-type": "application/json",
    accept: stream ? "text/event-stream" : "application/json",
  };
  // Compression would hold frames back until its buffer is full.
  if (stream) headers["accept-encoding"] = "identity";
  headers.traceparent = traceparent;
  if (tracestate !== null) headers.tracestate = tracestate;
  for (const name in headers) if (!PLAIN.test(headers[name] ?? "")) return checked(headers);
  return headers;
}

/** The platform's word on values that are not plain: it takes blanks off their ends, and refuses what breaks a line. */
function checked(headers: Record<string, string>): Record<string, string> {
  try {
    return Object.fromEntries(new Headers(headers));
  } catch {
    // No cause: the error's text quotes the header's value, which is the secret.
    throw new EngineError({ reason: "failed", status: null, message: "the provider credential is no header value" });
  }
}
