import { err, ok, type Result } from "./result.ts";

/** Frames of a log as one piece of bytes: each a big-endian uint32 length and the bytes. */
export function encodeFrames(frames: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(frames.reduce((sum, frame) => sum + 4 + frame.byteLength, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const frame of frames) {
    view.setUint32(at, frame.byteLength);
    bytes.set(frame, at + 4);
    at += 4 + frame.byteLength;
  }
  return bytes;
}

/** The inverse; the frames share the input's memory. */
export function decodeFrames(bytes: Uint8Array): Result<Uint8Array[], { reason: "truncated" }> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const frames: Uint8Array[] = [];
  for (let at = 0; at < bytes.byteLength; ) {
    if (bytes.byteLength - at < 4) return err({ reason: "truncated" });
    const end = at + 4 + view.getUint32(at);
    if (end > bytes.byteLength) return err({ reason: "truncated" });
    frames.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return ok(frames);
}
