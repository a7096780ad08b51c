import type { Egress, Exchange, ExchangeRequest } from "../../../shared/contracts/ports/egress.ts";
import { type PartReader, partReader } from "./part-reader.ts";

/** A body that says to be no longer is read in one piece by the runtime, at a fraction of the price of its parts. */
const ONE_PIECE_BYTES_MAX = 64 * 1024;

/** The exchanges of a platform whose only way out is `fetch`: as little as that one follows redirects, they do. */
export function fetchedExchange(fetch: Egress["operatorFetch"]): Egress["exchange"] {
  return async (url, { method, headers, body, signal }) =>
    exchangeOf(await fetch(url, { method, headers, signal, ...(body === null ? {} : bodyOf(body)) }));
}

function bodyOf(body: NonNullable<ExchangeRequest["body"]>): { body: BodyInit; duplex?: "half" } {
  if (typeof body === "string" || body instanceof Uint8Array) return { body: body as BodyInit }; // safe because: bytes are a body
  const pieces = body[Symbol.asyncIterator]();
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await pieces.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await pieces.return?.();
      },
    },
    { highWaterMark: 0 },
  );
  // A body that streams is allowed by `duplex`, and needs it.
  return { body: stream, duplex: "half" };
}

function exchangeOf(response: Response): Exchange {
  const { status, headers, body } = response;
  if (body === null) return { status, headers, read: async () => null, cancel: () => {} };
  const { read, cancel } = isSmall(headers) ? onePiece(response) : lazily(body);
  // The outcome of a cancellation changes nothing for the caller: the exchange is over either way.
  return { status, headers, read, cancel: () => void cancel().catch(() => undefined) };
}

/** Whether a body states a length that is small. Not one that is inflated on its way, nor a stream of events. */
function isSmall(headers: Headers): boolean {
  const length = headers.get("content-length");
  return (
    length !== null &&
    Number(length) <= ONE_PIECE_BYTES_MAX &&
    !headers.has("content-encoding") &&
    headers.get("content-type")?.startsWith("text/event-stream") !== true
  );
}

function onePiece(response: Response): PartReader {
  const stopped = Promise.withResolvers<never>();
  let given = false;
  return {
    async read() {
      if (given) return null;
      given = true;
      const bytes = await Promise.race([response.arrayBuffer(), stopped.promise]);
      return bytes.byteLength === 0 ? null : new Uint8Array(bytes);
    },
    async cancel() {
      stopped.promise.catch(() => undefined);
      stopped.reject(new Error("stopped"));
      if (!given) await response.body?.cancel();
      given = true;
    },
  };
}

/** Made by the first read: most answers of an unexpected kind are never read. */
function lazily(body: ReadableStream<Uint8Array>): PartReader {
  let reader: PartReader | null = null;
  return {
    read() {
      reader ??= partReader(body);
      return reader.read();
    },
    cancel: () => (reader ?? body).cancel(),
  };
}
