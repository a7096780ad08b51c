import type { TaskId, UnixMs } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { TenantState } from "../../../shared/contracts/ports/tenant-store.ts";
import { seal } from "../../../shared/crypto/seal.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import type { Deps } from "../../context.ts";
import { concat } from "../../inference/result-keeper.ts";

export interface KeptAnswer {
  status: number;
  contentType: string;
  stream: boolean;
  body: Uint8Array | ReadableStream<Uint8Array> | string;
}

const TOO_LARGE = utf8(JSON.stringify({ object: "approval.result", truncated: true }));

/**
 * Reads an answer to its end, which is also what settles a stream, and keeps it sealed for its requester, 24 h. An inference
 * call with an idempotency key has kept its answer already; the first one stays. Above 1 MiB only the fact is kept.
 */
export async function keepAnswer(
  deps: Pick<Deps, "tasks" | "keyring" | "clock">,
  tenant: TenantState,
  task: TaskId,
  { status, contentType, stream, body }: KeptAnswer,
): Promise<{ status: number }> {
  const bytes = typeof body === "string" ? utf8(body) : body instanceof Uint8Array ? body : await read(body);
  const plain = bytes ?? TOO_LARGE;
  const dataKey = await deps.keyring.openDataKey(tenant.id, tenant.data_key);
  await deps.tasks.putResult(tenant.id, task, {
    status,
    content_type: bytes === null ? "application/json" : contentType,
    stream: bytes !== null && stream,
    sealed: await seal(dataKey, { tenant: tenant.id, object: task }, plain),
    expires_ms: (deps.clock.now() + LIMITS.idempotentResultMsMax) as UnixMs, // safe because: milliseconds plus milliseconds
  });
  return { status };
}

/** Null when it is longer than what is kept; it is read to its end all the same. */
async function read(body: ReadableStream<Uint8Array>): Promise<Uint8Array | null> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body) {
    size += part.byteLength;
    if (size <= LIMITS.keyedResultBytesMax) parts.push(part);
  }
  return size <= LIMITS.keyedResultBytesMax ? concat(parts, size) : null;
}
