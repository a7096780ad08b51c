import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { ObjectRange } from "../../../shared/contracts/ports/object-store.ts";

/** @throws RangeError for more bytes than one piece may have. */
export function checkPut(bytes: Uint8Array): void {
  if (bytes.byteLength > LIMITS.objectPutBytesMax)
    throw new RangeError(`an object in one piece has at most ${LIMITS.objectPutBytesMax} bytes`);
}

/** @throws RangeError for more bytes than are read into memory at once. */
export function checkGet(bytes: number): void {
  if (bytes > LIMITS.objectGetBytesMax)
    throw new RangeError(`${bytes} bytes are read as a stream: at most ${LIMITS.objectGetBytesMax} at once`);
}

/** @throws RangeError for a stream that grew past what one object may have. */
export function checkStreamed(size: number): void {
  if (size > LIMITS.objectBytesMax) throw new RangeError(`an object has at most ${LIMITS.objectBytesMax} bytes`);
}

/** @throws RangeError for a page that no store answers. */
export function checkLimit(limit: number): number {
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMITS.objectListKeysMax)
    throw new RangeError(`a page has 1 to ${LIMITS.objectListKeysMax} keys`);
  return limit;
}

/** @throws RangeError for a range that is none. */
export function checkRange(range: ObjectRange | undefined): void {
  if (range === undefined) return;
  const { offset, length } = range;
  if (!Number.isSafeInteger(offset) || offset < 0 || !Number.isSafeInteger(length) || length < 1)
    throw new RangeError("a range has an offset from 0 and a length from 1");
}

/** How many bytes of an object of `size` a read hands out. */
export function bytesToRead(size: number, range: ObjectRange | undefined): number {
  return range === undefined ? size : Math.max(0, Math.min(range.length, size - range.offset));
}
