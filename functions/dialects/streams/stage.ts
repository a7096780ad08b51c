import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { Dialect } from "../../../shared/contracts/ports/engine.ts";
import { errorFrame } from "../error-frame.ts";
import { DONE, encodeData, encodeEvent } from "../sse-frame.ts";
import type { StreamFailure, StreamTranslator, SurfaceFrame } from "../translation.ts";

/** One step of a translation over parsed frames; `[DONE]` is no frame but is added when frames are rendered. */
export interface Stage {
  push(frame: JsonObject): JsonObject[];
  readonly finished: boolean;
  end(): JsonObject[];
}

/** Feeds one stage's frames to the next. */
export function chain(first: Stage, second: Stage): Stage {
  return {
    push: (frame) => first.push(frame).flatMap((made) => second.push(made)),
    get finished() {
      return first.finished && second.finished;
    },
    end: () => [...first.end().flatMap((made) => second.push(made)), ...second.end()],
  };
}

const DONE_FRAME: SurfaceFrame = { data: DONE, raw: encodeData(DONE) };

/** How a surface writes its frames: chat and completions plain, Responses and Messages with the event's name. */
function render(surface: Dialect, frame: JsonObject): SurfaceFrame {
  const data = JSON.stringify(frame);
  if (surface === "openai.responses" || surface === "anthropic.messages")
    return { data, raw: encodeEvent(String(frame.type), data) };
  return { data, raw: encodeData(data) };
}

/** A translator that renders what a stage makes. */
export function translator(surface: Dialect, stage: Stage): StreamTranslator {
  let frames = 0;
  const rendered = (made: JsonObject[]): SurfaceFrame[] => {
    frames += made.length;
    return made.map((frame) => render(surface, frame));
  };
  const ended = surface === "openai.chat" || surface === "openai.completions" ? [DONE_FRAME] : [];
  return {
    push: (frame) => rendered(stage.push(frame)),
    get finished() {
      return stage.finished;
    },
    end() {
      if (!stage.finished) throw new Error("a stream that did not finish must not end as if it had");
      return [...rendered(stage.end()), ...ended];
    },
    fail: (failure: StreamFailure) => [errorFrame(surface, failure, frames)],
  };
}
