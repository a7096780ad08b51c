import { EngineFailed } from "./engine.ts";
import { readError } from "./status-failure.ts";

/** Bytes that are looked through for the model's name; every server has named it by then. */
const LOOK_BYTES = 64 * 1024;
/** Frames with data: some servers name no model in their first. */
const LOOK_FRAMES = 4;
/** The quotes tell a member from the same word inside a text, where they are escaped. */
const MODEL = /"model"\s*:\s*("(?:[^"\\]|\\.)+")/;
const decoder = new TextDecoder();

/**
 * The same bytes, the first of them held back until they name the model. An error document or another model there is
 * thrown before anything was handed on.
 * @throws EngineFailed
 */
export async function* checked(
  body: AsyncIterable<Uint8Array>,
  pinned: string,
  stream: boolean,
): AsyncGenerator<Uint8Array, void> {
  let held: Uint8Array | null = new Uint8Array(0);
  for await (const part of body) {
    if (held === null) {
      yield part;
      continue;
    }
    held = held.length === 0 ? part : Buffer.concat([held, part]);
    if (!isEnough(held, pinned, stream)) continue;
    yield held;
    held = null;
  }
  if (held === null) return;
  if (held.length === 0) throw new EngineFailed({ reason: "failed", message: "the engine's answer is empty" });
  if (!stream) refuseError(decoder.decode(held), 200);
  yield held;
}

/** Whether the bytes may go on. */
function isEnough(held: Uint8Array, pinned: string, stream: boolean): boolean {
  const text = decoder.decode(held.subarray(0, LOOK_BYTES));
  const frames = stream ? text.split(/\r?\n\r?\n/).filter((frame) => /^data:/m.test(frame)) : [];
  if (stream && frames.length > 0) refuseError(/^data: ?(.*)$/m.exec(frames[0] ?? "")?.[1] ?? "", null);
  const named = MODEL.exec(text)?.[1];
  if (named === undefined) return held.length >= LOOK_BYTES || frames.length > LOOK_FRAMES;
  const reported: unknown = JSON.parse(named);
  if (reported !== pinned)
    throw new EngineFailed({ reason: "model_mismatch", message: named.slice(1, -1).slice(0, 256) });
  // A document is judged as a whole only where it ends at once; its status was checked before.
  return true;
}

function refuseError(text: string, status: number | null): void {
  if (!/"error"\s*:/.test(text)) return;
  const { message, code, param } = readError(text);
  if (message !== null) throw new EngineFailed({ reason: "failed", status, message, code, param });
}
