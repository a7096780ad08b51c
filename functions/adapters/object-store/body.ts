import { ObjectStoreUnavailable } from "../../../shared/contracts/ports/object-store.ts";
import { withDeadline } from "./deadline.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** A stream without bytes. */
export const emptyBody = (): ReadableStream<Bytes> => new ReadableStream({ start: (controller) => controller.close() });

/**
 * The same bytes, read as they are asked for. Errors with `ObjectStoreUnavailable` when a piece takes longer than
 * `timeoutMs` or the stream ends before `expected` bytes, so that a cut connection never looks like the end.
 */
export function guardedBody(
  what: string,
  source: ReadableStream<Bytes>,
  expected: number,
  timeoutMs: number,
): ReadableStream<Bytes> {
  const reader = source.getReader();
  let size = 0;
  return new ReadableStream<Bytes>(
    {
      async pull(controller) {
        try {
          const { done, value } = await withDeadline(what, timeoutMs, () => reader.read());
          if (!done) {
            size += value.length;
            if (size > expected) throw new ObjectStoreUnavailable(`${what}: more than its ${expected} bytes`);
            controller.enqueue(value);
          } else if (size === expected) controller.close();
          else throw new ObjectStoreUnavailable(`${what}: ended after ${size} of ${expected} bytes`);
        } catch (cause) {
          const error =
            cause instanceof ObjectStoreUnavailable
              ? cause
              : new ObjectStoreUnavailable(`${what}: broke off`, { cause });
          controller.error(error);
          // The reader of this stream has the error; what cancelling a broken source answers adds nothing.
          await reader.cancel(error).catch(() => undefined);
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

/** All bytes of a stream that is known to have `size`. */
export async function collect(body: ReadableStream<Bytes>, size: number): Promise<Bytes> {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const reader = body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return bytes;
    bytes.set(value, at);
    at += value.length;
  }
}
