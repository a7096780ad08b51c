import { decodeFrames, encodeFrames } from "../../../shared/contracts/log-frames.ts";
import type { LogEnd, LogHead, LogItem } from "../../../shared/contracts/ports/task-log.ts";

/** Between an object and its caller log items travel as bytes: uint32 length, kind, payload. */
const KINDS = { head: 0, part: 1, live: 2, end: 3 } as const;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** float64 holds every frame number exactly. */
function numbered(from: number, frames: number, bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(12 + bytes.byteLength);
  const view = new DataView(out.buffer);
  view.setFloat64(0, from);
  view.setUint32(8, frames);
  out.set(bytes, 12);
  return out;
}

function payloadOf(item: LogItem): Uint8Array {
  switch (item.kind) {
    case "head":
      return encoder.encode(JSON.stringify(item.head));
    case "part":
      return numbered(item.part.from, item.part.frames, item.part.sealed);
    case "live":
      return numbered(item.live.from, item.live.frames.length, encodeFrames(item.live.frames));
    case "end":
      return encoder.encode(item.end);
  }
}

export function encodeLogItem(item: LogItem): Uint8Array<ArrayBuffer> {
  const payload = payloadOf(item);
  const out = new Uint8Array(5 + payload.byteLength);
  new DataView(out.buffer).setUint32(0, payload.byteLength);
  out[4] = KINDS[item.kind];
  out.set(payload, 5);
  return out;
}

function itemOf(kind: number | undefined, payload: Uint8Array): LogItem {
  if (kind === KINDS.head) return { kind: "head", head: JSON.parse(decoder.decode(payload)) as LogHead }; // safe because: the object encoded it
  if (kind === KINDS.end) return { kind: "end", end: decoder.decode(payload) as LogEnd }; // safe because: as above
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const from = view.getFloat64(0);
  const bytes = payload.slice(12);
  if (kind === KINDS.part) return { kind: "part", part: { from, frames: view.getUint32(8), sealed: bytes } };
  const frames = decodeFrames(bytes);
  if (kind !== KINDS.live || !frames.ok) throw new Error("a log item is unreadable");
  return { kind: "live", live: { from, frames: frames.value } };
}

/** Items from bytes that were cut anywhere. Bytes that end inside an item are an error, never an end. */
export function logItems(bytes: ReadableStream<Uint8Array>): ReadableStream<LogItem> {
  let held = new Uint8Array();
  return bytes.pipeThrough(
    new TransformStream<Uint8Array, LogItem>({
      transform(chunk, controller) {
        const joined = new Uint8Array(held.byteLength + chunk.byteLength);
        joined.set(held);
        joined.set(chunk, held.byteLength);
        const view = new DataView(joined.buffer);
        let at = 0;
        while (joined.byteLength - at >= 5) {
          const end = at + 5 + view.getUint32(at);
          if (end > joined.byteLength) break;
          controller.enqueue(itemOf(joined[at + 4], joined.subarray(at + 5, end)));
          at = end;
        }
        held = joined.slice(at);
      },
      flush() {
        if (held.byteLength > 0) throw new Error("the log broke off");
      },
    }),
  );
}
