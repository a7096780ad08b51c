import type { TaskId } from "../../shared/contracts/ids.ts";
import { decodeFrames, encodeFrames } from "../../shared/contracts/log-frames.ts";
import type { LogPart } from "../../shared/contracts/ports/task-log.ts";
import { open } from "../../shared/crypto/open.ts";
import { seal } from "../../shared/crypto/seal.ts";

const boundTo = (tenant: string, task: TaskId, from: number) => ({ tenant, object: `${task}/log/${from}` });

/** Seals frames `from` … as one part of their task's log. */
export const sealPart = async (
  dataKey: Uint8Array,
  tenant: string,
  task: TaskId,
  from: number,
  frames: readonly Uint8Array[],
): Promise<LogPart> => ({
  from,
  frames: frames.length,
  sealed: await seal(dataKey, boundTo(tenant, task, from), encodeFrames(frames)),
});

/** Throws when the bytes are not that part. */
export async function openPart(
  dataKey: Uint8Array,
  tenant: string,
  task: TaskId,
  part: LogPart,
): Promise<Uint8Array[]> {
  const opened = await open(dataKey, boundTo(tenant, task, part.from), part.sealed);
  const frames = opened.ok ? decodeFrames(opened.value) : null;
  if (!frames?.ok || frames.value.length !== part.frames)
    throw new Error(`frames ${part.from} of the log of ${task} do not open`);
  return frames.value;
}
