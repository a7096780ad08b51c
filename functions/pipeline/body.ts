import type { JsonValue } from "../../shared/contracts/json.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { parseStrictJson } from "../../shared/crypto/strict-json.ts";
import { timers } from "../../shared/timing/timers.ts";
import { ProblemError } from "../problem.ts";
import type { BodyLease } from "./body-room.ts";
import type { CallHeaders } from "./call-headers.ts";
import { letPass } from "./let-pass.ts";

export interface BodyBounds {
  bytesMax: number;
  lease: BodyLease;
}

/** Bodies up to this size are read in one piece by the runtime, which is faster. */
const ONE_PIECE_BYTES_MAX = 64 * 1024;

/**
 * Reads a body of at most `bytesMax` within `LIMITS.bodyReadMsMax`; what `content-length` already tells to be
 * larger is refused and nothing of it kept. Compressed bodies are refused (415): nothing is ever inflated, so there is no bomb. Throws `ProblemError`.
 */
export async function readBody(
  request: Request,
  bounds: BodyBounds,
  headers: CallHeaders = request.headers,
): Promise<Uint8Array> {
  const { bytesMax, lease } = bounds;
  const encoding = headers.get("content-encoding");
  if (encoding !== null && encoding.toLowerCase() !== "identity")
    throw new ProblemError("unsupported-media-type", {
      detail: "Compressed request bodies are not accepted.",
      param: "content-encoding",
    });
  const declared = headers.get("content-length");
  if (declared !== null && !/^\d{1,15}$/.test(declared))
    throw new ProblemError("invalid-request", {
      param: "content-length",
      detail: "A Content-Length is a number of bytes.",
    });
  const length = declared === null ? null : Number(declared);
  if (length !== null && length > bytesMax) {
    await letPass(request.body, length);
    throw tooLarge(bytesMax);
  }
  // Its `body` is not looked at: on Deno that makes a stream, which costs as much as the rest of reading it.
  if (length !== null && length <= ONE_PIECE_BYTES_MAX) {
    if (!lease.take(length)) throw full();
    return new Uint8Array(await inTime(request.arrayBuffer()));
  }
  if (request.body === null) return new Uint8Array();
  return readParts(request.body.getReader(), bounds, length);
}

const tooLarge = (bytesMax: number) =>
  new ProblemError("body-too-large", { detail: `The body may have at most ${bytesMax} bytes.` });
const full = () =>
  new ProblemError("overloaded", {
    detail: "Other requests' bodies fill the room that the cell has for them.",
    retryAfterMs: 1_000,
  });

function inTime<T>(reading: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const callOff = timers().after(LIMITS.bodyReadMsMax, () => reject(new ProblemError("request-timeout")));
    reading.then(
      (read) => {
        callOff();
        resolve(read);
      },
      (thrown: unknown) => {
        callOff();
        // The connection broke: nobody hears the answer, and nothing here has failed.
        reject(thrown instanceof ProblemError ? thrown : new ProblemError("canceled", {}, { cause: thrown }));
      },
    );
  });
}

async function readParts(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  { bytesMax, lease }: BodyBounds,
  length: number | null,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  const all = async (): Promise<void> => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      size += value.byteLength;
      if (size > bytesMax) throw tooLarge(bytesMax);
      if (!lease.take(value.byteLength)) throw full();
      parts.push(value);
    }
  };
  try {
    await inTime(all());
  } catch (thrown) {
    // What is still on its way is not waited for.
    void reader.cancel().catch(() => undefined);
    throw thrown;
  }
  if (length !== null && size !== length)
    throw new ProblemError("invalid-request", {
      param: "content-length",
      detail: "The body has not as many bytes as its Content-Length says.",
    });
  return joined(parts, size);
}

/** One piece; each part is let go as it is copied. */
function joined(parts: Uint8Array[], size: number): Uint8Array {
  const [only] = parts;
  if (parts.length === 1 && only) return only;
  const body = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.byteLength;
  }
  parts.length = 0;
  return body;
}

/** What may be sent under each media type of an operation; the first one is documented. */
const ACCEPTED = {
  "application/json": ["application/json"],
  "multipart/form-data": ["multipart/form-data"],
  "application/octet-stream": ["application/octet-stream"],
  "application/gzip": ["application/gzip", "application/x-gzip", "application/vnd.openpolicyagent.bundles"],
} as const;

/** Exactly one acceptable media type; parameters other than a UTF-8 charset are ignored. */
export function requireMedia(headers: CallHeaders, expected: keyof typeof ACCEPTED): void {
  const type = headers.get("content-type");
  const [media, ...parameters] = (type ?? "").split(";").map((part) => part.trim().toLowerCase());
  if (!ACCEPTED[expected].some((accepted) => accepted === media))
    throw new ProblemError("unsupported-media-type", { detail: `Send ${expected}.`, param: "content-type" });
  const charset = parameters.find((parameter) => parameter.startsWith("charset="));
  if (charset && !/^charset="?utf-?8"?$/.test(charset))
    throw new ProblemError("unsupported-media-type", { detail: "JSON is UTF-8.", param: "content-type" });
}

const DETAILS = {
  not_utf8: "The body is not valid UTF-8.",
  malformed: "The body is not valid JSON.",
  duplicate_key: "An object in the body names a member twice.",
  too_deep: "The body is nested too deeply.",
  too_many_nodes: "The body has too many values.",
  proto_key: "The body uses a member name that is not accepted.",
} as const;

export function parseBody(raw: Uint8Array): JsonValue {
  const parsed = parseStrictJson(raw);
  if (parsed.ok) return parsed.value;
  throw new ProblemError("malformed-json", {
    detail: DETAILS[parsed.error.reason],
    members: { reason: parsed.error.reason },
  });
}
