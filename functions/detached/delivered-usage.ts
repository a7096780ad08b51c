import type { LogMeter } from "../../shared/contracts/ports/task-log.ts";
import { costOf } from "../../shared/contracts/usage.ts";
import { SseFrame } from "../dialects/sse-frame.ts";
import { OutputBound } from "../inference/output-bound.ts";

/** What the delivered frames of a stream cost at most whose run was lost: by the relay's own bound. */
export function deliveredUsage({ input_tokens, output_tokens_max, prices }: LogMeter, frames: readonly Uint8Array[]) {
  const bound = new OutputBound({ inputTokens: input_tokens, outputTokens: output_tokens_max });
  for (const raw of frames) {
    const frame = new SseFrame(raw);
    if (frame.hasData()) bound.delivered(frame.data().length);
  }
  const usage = bound.rows();
  return { usage, cost: costOf(usage, prices) };
}
