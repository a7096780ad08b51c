import type { CellEntry } from "../../shared/contracts/cell-directory.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Clock, Ids } from "../../shared/contracts/ports/clock.ts";
import { FORWARDING_HEADER, type ForwardingKey, signForwarding } from "../../shared/crypto/forwarding.ts";
import type { Runtime } from "../context.ts";
import { ProblemError } from "../problem.ts";
import { answerHeaders, requestHeaders } from "./passing-headers.ts";

export interface ForwardParts {
  clock: Clock;
  ids: Pick<Ids, "base62">;
  fetch(url: string, init: RequestInit): Promise<Response>;
  /** Told the cell and what kind of failure it was. Never the error: its text holds the URL that was asked. */
  unreachable(cell: string, kind: "refused" | "failed" | "timeout"): void;
}

const NONCE_CHARS = 22;
/** Statuses whose answers have no body (Fetch §2.2.3). */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);

/**
 * The call, sent on to its cell as it arrives, and the cell's answer as it comes: nothing is buffered, kept or logged, and
 * back pressure goes through both ways. The cell gets the caller's credential and verifies it again. Throws
 * `cell-unavailable` (503), naming the cell; never asks another one.
 */
export async function forward(
  parts: ForwardParts,
  { request, runtime }: { request: Request; runtime: Runtime },
  { cell, key, credential }: { cell: CellEntry; key: ForwardingKey; credential: string },
): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const target = pathname + search;
  const { method } = request;
  const traceparent = request.headers.get("traceparent");
  const value = signForwarding(
    { cell: cell.id, method, target, credential, traceparent },
    { client: runtime.source, host: request.headers.get("host") },
    key,
    { nonce: parts.ids.base62(NONCE_CHARS), nowMs: parts.clock.now() },
  );
  const ended = new AbortController();
  const gone = (): void => ended.abort();
  runtime.disconnected.addEventListener("abort", gone, { once: true });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    ended.abort();
  }, LIMITS.forwardedAnswerMsMax);
  let answered: Response;
  try {
    answered = await parts.fetch(cell.base_url + target, {
      method,
      headers: requestHeaders(request.headers, { name: FORWARDING_HEADER, value }),
      redirect: "manual",
      signal: ended.signal,
      ...(request.body === null ? {} : { body: request.body, duplex: "half" }),
    } as RequestInit); // safe because: `duplex` is of the standard, and missing in the type
  } catch (cause) {
    // Nobody is there to read it.
    if (runtime.disconnected.aborted) return new Response(null, { status: 499 });
    const kind = late ? "timeout" : refusedToConnect(cause) ? "refused" : "failed";
    parts.unreachable(cell.id, kind);
    throw unavailable(cell, request, kind === "refused");
  } finally {
    clearTimeout(timer);
  }
  const { status } = answered;
  const body = BODILESS.has(status) ? null : answered.body;
  return new Response(body, { status, headers: answerHeaders(answered.headers) });
}

/** Whether no byte of the call can have reached the cell. */
function refusedToConnect(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false;
  const inner = cause.cause instanceof Error ? cause.cause : cause;
  return (
    ("code" in inner && inner.code === "ECONNREFUSED") || /connection refused/i.test(inner.message + cause.message)
  );
}

const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/** What may have begun in the cell is not asked for again by itself, unless the cell would notice. */
function unavailable(cell: CellEntry, { method, headers }: Request, nothingSent: boolean): ProblemError {
  const repeatable = nothingSent || SAFE.has(method) || headers.has("idempotency-key");
  return new ProblemError("cell-unavailable", {
    detail: `The cell ${cell.id} does not answer. No other cell takes its calls.`,
    retryAfterMs: 1_000,
    headers: repeatable ? {} : { "x-should-retry": "false" },
    members: { cell: cell.id, jurisdiction: cell.jurisdiction },
  });
}
