import { LIMITS } from "../contracts/limits.ts";
import type { Egress } from "../contracts/ports/egress.ts";
import type { ExportTimer } from "./export-timer.ts";
import type { Redacted } from "./redacted.ts";

const answerBytesMax = 64 * 1024;
/** OTLP/HTTP "Failures": only these are tried again. */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** What the collector made of one batch; `rejected` spans or points are lost although the rest arrived. */
export type PostOutcome =
  | { kind: "sent"; rejected: number }
  | { kind: "refused" }
  | { kind: "retry"; afterMs: number | null };

export interface Collector {
  url: string;
  headers: Readonly<Record<string, Redacted>>;
  fetch: Egress["operatorFetch"];
}

/** The signal's path below the configured base; the base may be written with the path of traces. */
export const signalUrl = (endpoint: string, signal: "traces" | "metrics"): string =>
  `${endpoint.replace(/\/+$/, "").replace(/\/v1\/traces$/, "")}/v1/${signal}`;

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

/** What `partialSuccess` of an answer rejects; an answer that is not the JSON we asked for rejects nothing. */
function rejectedBy(text: string): number {
  const found = /"rejected(?:Spans|DataPoints)"\s*:\s*"?(\d{1,9})"?/.exec(text);
  return found ? Number(found[1]) : 0;
}

function retryAfterMs(headers: Headers): number | null {
  const text = headers.get("retry-after");
  return text !== null && /^\d{1,6}$/.test(text) ? Number(text) * 1000 : null;
}

/** Posts one batch once. Never rejects: a network error, a time-out and an abort are `retry`. */
async function post(collector: Collector, body: string, signal: AbortSignal): Promise<PostOutcome> {
  const headers = new Headers({ "content-type": "application/json" });
  for (const [name, secret] of Object.entries(collector.headers)) headers.set(name, secret.reveal());
  try {
    const response = await collector.fetch(collector.url, {
      method: "POST",
      headers,
      body,
      signal: AbortSignal.any([signal, AbortSignal.timeout(LIMITS.spanExportMsMax)]),
    });
    if (response.ok) return { kind: "sent", rejected: rejectedBy(await readBounded(response)) };
    await response.body?.cancel();
    return RETRYABLE.has(response.status)
      ? { kind: "retry", afterMs: retryAfterMs(response.headers) }
      : { kind: "refused" };
  } catch {
    // Whatever it was, the batch is not known to have arrived; the caller tries again and counts what it gives up.
    return { kind: "retry", afterMs: null };
  }
}

/**
 * Posts one batch until it is taken in, refused, or tried often enough, with backoff between. Never rejects. Answers why
 * the whole batch is lost, or how much of it the collector rejected.
 */
export async function deliver(
  collector: Collector,
  body: string,
  timer: ExportTimer,
  signal: AbortSignal,
): Promise<{ lost: "refused" | "unreachable" } | { rejected: number }> {
  for (let tries = 1; ; tries++) {
    const outcome = await post(collector, body, signal);
    if (outcome.kind === "sent") return { rejected: outcome.rejected };
    if (outcome.kind === "refused") return { lost: "refused" };
    if (tries >= LIMITS.spanExportTriesMax || signal.aborted) return { lost: "unreachable" };
    const backoffMs = LIMITS.spanRetryMsMin * 2 ** (tries - 1) * (0.5 + timer.random());
    await timer.sleep(Math.min(outcome.afterMs ?? backoffMs, LIMITS.spanRetryMsMax), signal);
  }
}
