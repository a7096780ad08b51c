import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Clock, Ids } from "../../shared/contracts/ports/clock.ts";
import { cellUnavailable, refusedToConnect, type Unreachable } from "./cell-unavailable.ts";
import { type Arrival, type Destination, passing } from "./passing-call.ts";
import { answerHeaders } from "./passing-headers.ts";

export interface ForwardParts {
  clock: Clock;
  ids: Pick<Ids, "base62">;
  fetch(url: string, init: RequestInit): Promise<Response>;
  /** Told the cell and what kind of failure it was. Never the error: its text holds the URL that was asked. */
  unreachable(cell: string, kind: Unreachable): void;
}

/** Statuses whose answers have no body (Fetch §2.2.3). */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);

/**
 * The call, sent on to its cell as it arrives, and the cell's answer as it comes: nothing is buffered, kept or logged, and
 * back pressure goes through both ways. The cell gets the caller's credential and verifies it again. Throws
 * `cell-unavailable` (503), naming the cell; never asks another one.
 */
export async function forward(parts: ForwardParts, arrival: Arrival, to: Destination): Promise<Response> {
  const { request } = arrival;
  const { url, headers } = passing(parts, arrival, to);
  const body = request.body === null ? {} : { body: request.body, duplex: "half" };
  return answered(parts, arrival, to, LIMITS.forwardedAnswerMsMax, async (signal) => {
    // safe because: `duplex` is of the standard, and missing in the type
    const init = { method: request.method, headers, redirect: "manual", signal, ...body } as RequestInit;
    return passedOn(await parts.fetch(url, init));
  });
}

/** The cell's answer without what was of its own connection. */
export function passedOn({ status, headers, body }: Response): Response {
  return new Response(BODILESS.has(status) ? null : body, { status, headers: answerHeaders(headers) });
}

/**
 * What `ask` gets from the cell. Its signal aborts when the caller goes away, or when the cell has not begun to answer
 * within `withinMs`. Throws `cell-unavailable`.
 */
export async function answered(
  parts: Pick<ForwardParts, "unreachable">,
  { request, runtime, call }: Arrival,
  { cell }: Pick<Destination, "cell">,
  withinMs: number,
  ask: (signal: AbortSignal) => Promise<Response>,
): Promise<Response> {
  const ended = new AbortController();
  const gone = (): void => ended.abort();
  runtime.disconnected.addEventListener("abort", gone, { once: true });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    ended.abort();
  }, withinMs);
  call.sent();
  let status: number | null = null;
  try {
    const response = await ask(ended.signal);
    status = response.status;
    return response;
  } catch (cause) {
    // Nobody is there to read it.
    if (runtime.disconnected.aborted) return new Response(null, { status: 499 });
    const kind = late ? "timeout" : refusedToConnect(cause) ? "refused" : "failed";
    parts.unreachable(cell.id, kind);
    throw cellUnavailable(cell, request, kind);
  } finally {
    call.answered(status);
    clearTimeout(timer);
  }
}
