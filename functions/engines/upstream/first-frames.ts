import { LIMITS } from "../../../shared/contracts/limits.ts";
import { EngineError } from "../../../shared/contracts/ports/engine.ts";
import { hasMember, member } from "../../dialects/bytes.ts";
import { reportedError } from "../../dialects/error-frame.ts";
import { parseObject } from "../../dialects/json-read.ts";
import { SseFrameTooLarge, SseSplitter } from "../../dialects/sse.ts";
import type { SseFrame } from "../../dialects/sse-frame.ts";
import type { UpstreamBody } from "./body.ts";
import { clean } from "./failure.ts";
import { isPinnedModel, reportedModel } from "./model-check.ts";

const ERROR = member("error");

/**
 * Holds a stream back until its first data frames named the model, and gives the bytes read so far, untouched. An error
 * or another model there is thrown before anything was delivered, so that a fallback is still possible.
 */
export async function firstFrames(body: UpstreamBody, pinned: string, secret: string | null): Promise<Uint8Array[]> {
  const splitter = new SseSplitter();
  const held: Uint8Array[] = [];
  let seen = 0;
  for (;;) {
    const part = await body.read();
    if (part === null) break;
    held.push(part);
    for (const frame of split(splitter, part)) {
      if (!frame.hasData()) continue;
      seen++;
      if (isModelNamed(frame, pinned, secret) || seen >= LIMITS.engineModelFramesMax) return held;
    }
  }
  if (seen === 0)
    throw new EngineError({ reason: "failed", status: null, message: "the stream ended before it began" });
  return held;
}

function split(splitter: SseSplitter, part: Uint8Array): SseFrame[] {
  try {
    return splitter.push(part);
  } catch (cause) {
    if (!(cause instanceof SseFrameTooLarge)) throw cause;
    throw new EngineError({ reason: "failed", status: null, message: "a stream frame is too large" }, { cause });
  }
}

function isModelNamed(frame: SseFrame, pinned: string, secret: string | null): boolean {
  const payload = frame.payload();
  if (hasMember(payload, ERROR) || frame.event() === "error") {
    const error = reportedError(parseObject(frame.data()) ?? {});
    if (error !== null)
      throw new EngineError({ reason: "failed", status: null, message: clean(error.message, secret) });
  }
  const model = reportedModel(payload);
  if (model === null || model === "") return false;
  if (!isPinnedModel(pinned, model)) throw new EngineError({ reason: "model_mismatch", reported: model });
  return true;
}
