import { z } from "zod";
import { Actor } from "../../../shared/contracts/actor.ts";
import type { TaskId, TenantId } from "../../../shared/contracts/ids.ts";
import { open } from "../../../shared/crypto/open.ts";
import { seal } from "../../../shared/crypto/seal.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";

/** Who is told of a task's end, where, and in whose name. Sealed in its task's object until that is over. */
export const CallbackCall = z.strictObject({
  schema_version: z.literal(1),
  url: z.string(),
  actor: Actor,
  request: z.string(),
  traceparent: z.string(),
});
export type CallbackCall = z.infer<typeof CallbackCall>;

const boundTo = (tenant: TenantId, task: TaskId) => ({ tenant, object: `${task}/callback` });

export const sealCallback = (
  dataKey: Uint8Array,
  tenant: TenantId,
  task: TaskId,
  call: CallbackCall,
): Promise<Uint8Array> => seal(dataKey, boundTo(tenant, task), utf8(JSON.stringify(call)));

/** Throws when the bytes are not what was sealed for this task. */
export async function openCallback(
  dataKey: Uint8Array,
  tenant: TenantId,
  task: TaskId,
  sealed: Uint8Array,
): Promise<CallbackCall> {
  const opened = await open(dataKey, boundTo(tenant, task), sealed);
  if (!opened.ok) throw new Error(`the callback of ${task} does not open: ${opened.error.reason}`);
  return CallbackCall.parse(JSON.parse(new TextDecoder().decode(opened.value)));
}
