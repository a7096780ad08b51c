import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Egress } from "../../../shared/contracts/ports/egress.ts";
import type { Redacted } from "../../../shared/telemetry/redacted.ts";

const answerBytesMax = 64 * 1024;
/** OTLP/HTTP "Failures": only these are tried again. */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** What the collector made of one batch; `rejected` spans are lost although the rest arrived. */
export type PostOutcome =
  | { kind: "sent"; rejected: number }
  | { kind: "refused" }
  | { kind: "retry"; afterMs: number | null };

export interface Collector {
  url: string;
  headers: Readonly<Record<string, Redacted>>;
  fetch: Egress["operatorFetch"];
}

/** `/v1/traces` below the configured base, unless the whole path was given. */
export const tracesUrl = (endpoint: string): string =>
  endpoint.endsWith("/v1/traces") ? endpoint : `${endpoint.replace(/\/+$/, "")}/v1/traces`;

async function readBounded(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  if (!response.body) return text;
  for await (const chunk of response.body) {
    bytes += chunk.byteLength;
    if (bytes > answerBytesMax) break;
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}

/** `partialSuccess.rejectedSpans` of an answer; an answer that is not the JSON we asked for rejects nothing. */
function rejectedSpans(text: string): number {
  const found = /"rejectedSpans"\s*:\s*"?(\d{1,9})"?/.exec(text);
  return found ? Number(found[1]) : 0;
}

function retryAfterMs(headers: Headers): number | null {
  const text = headers.get("retry-after");
  return text !== null && /^\d{1,6}$/.test(text) ? Number(text) * 1000 : null;
}

/** Posts one batch once. Never rejects: a network error, a time-out and an abort are `retry`. */
export async function post(collector: Collector, body: string, signal: AbortSignal): Promise<PostOutcome> {
  const headers = new Headers({ "content-type": "application/json" });
  for (const [name, secret] of Object.entries(collector.headers)) headers.set(name, secret.reveal());
  try {
    const response = await collector.fetch(collector.url, {
      method: "POST",
      headers,
      body,
      signal: AbortSignal.any([signal, AbortSignal.timeout(LIMITS.spanExportMsMax)]),
    });
    if (response.ok) return { kind: "sent", rejected: rejectedSpans(await readBounded(response)) };
    await response.body?.cancel();
    return RETRYABLE.has(response.status)
      ? { kind: "retry", afterMs: retryAfterMs(response.headers) }
      : { kind: "refused" };
  } catch {
    // Whatever it was, the batch is not known to have arrived; the caller tries again and counts what it gives up.
    return { kind: "retry", afterMs: null };
  }
}
