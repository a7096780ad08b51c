import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { EngineFailed } from "./engine.ts";

export interface LocalCall {
  method: "GET" | "POST";
  headers?: Readonly<Record<string, string>>;
  body?: string | Uint8Array;
  signal: AbortSignal;
}

export interface LocalAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  /** Read no further than asked; leaving the loop closes the connection. */
  body: AsyncIterable<Uint8Array>;
}

/** Codes of a connection that was never made: no byte of the request was seen. */
const NEVER_SENT = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "EADDRNOTAVAIL"]);

/**
 * One HTTP exchange with the server on this host, a connection of its own: closing it cancels what runs for it. An
 * answer may begin as late as the caller waits, and then never pauses for longer than `engineIdleMsMax`.
 * @throws EngineFailed
 */
export async function callLocal(url: URL, { method, headers, body, signal }: LocalCall): Promise<LocalAnswer> {
  if (signal.aborted) throw new EngineFailed({ reason: "canceled" });
  const open = url.protocol === "https:" ? httpsRequest : httpRequest;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const call = open(url, { method, headers: { ...headers }, signal, agent: false }, resolve);
    call.once("error", (error) => reject(failed(error, signal)));
    call.end(body);
  });
  response.setTimeout(LIMITS.engineIdleMsMax, () => response.destroy(new EngineFailed({ reason: "timeout" })));
  return { status: response.statusCode ?? 0, headers: response.headers, body: read(response, signal) };
}

async function* read(response: IncomingMessage, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
  try {
    for await (const part of response) if (part instanceof Uint8Array) yield part;
    // Node ends the loop without an error where the server closed in the middle of a chunked answer.
    if (!response.complete) throw new EngineFailed({ reason: "failed", message: "the engine's answer broke off" });
  } catch (error) {
    throw failed(error, signal);
  } finally {
    response.destroy();
  }
}

/** At most `max` bytes, whole. @throws EngineFailed for more. */
export async function readAll(body: AsyncIterable<Uint8Array>, max: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body) {
    size += part.length;
    if (size > max) throw new EngineFailed({ reason: "failed", message: "the engine's answer is too large" });
    parts.push(part);
  }
  return Buffer.concat(parts, size);
}

/** The first bytes of an answer that is only to be quoted. */
export async function readStart(body: AsyncIterable<Uint8Array>, max: number): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body) {
    parts.push(part);
    size += part.length;
    if (size >= max) break;
  }
  return new TextDecoder().decode(Buffer.concat(parts).subarray(0, max));
}

function failed(error: unknown, signal: AbortSignal): EngineFailed {
  if (error instanceof EngineFailed) return error;
  if (signal.aborted) return new EngineFailed({ reason: "canceled" }, { cause: error });
  for (let at = error; at instanceof Error; at = at.cause) {
    if ("code" in at && typeof at.code === "string" && NEVER_SENT.has(at.code))
      return new EngineFailed({ reason: "unreachable" }, { cause: error });
    // Each address of the name refused.
    if (at instanceof AggregateError && at.errors.length > 0) return failed(at.errors[0], signal);
  }
  return new EngineFailed({ reason: "failed", message: "the connection to the engine broke" }, { cause: error });
}
