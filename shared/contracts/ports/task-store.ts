import type { TaskId, TenantId, UnixMs } from "../ids.ts";
import type { Result } from "../result.ts";

/** What a repeated key is answered with: the delivered bytes, sealed under the tenant's data key. */
export interface StoredResult {
  status: number;
  content_type: string;
  /** Whether the bytes are the frames of an SSE stream, replayed frame for frame. */
  stream: boolean;
  sealed: Uint8Array;
  expires_ms: UnixMs;
}

/** Results of keyed tasks. One object per task; durable before a call resolves; content only as sealed bytes. */
export interface TaskStore {
  /** Writing the same task twice keeps the first result. */
  putResult(tenant: TenantId, task: TaskId, result: StoredResult): Promise<void>;
  result(
    tenant: TenantId,
    task: TaskId,
  ): Promise<Result<StoredResult, { reason: "not_found" } | { reason: "expired" }>>;
}
