import type { TaskId } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { AdmitRefusal, IdempotencyClaim } from "../../../shared/contracts/ports/tenant-store.ts";
import { decodeHex } from "../../../shared/crypto/hex.ts";
import type { Sql } from "../../runtime/sql.ts";
import { TASK } from "./task-state.ts";

/** What a key says about a call that wants to run under it. */
export type KeyVerdict =
  | { kind: "free" }
  | { kind: "replay"; task: TaskId }
  | { kind: "refused"; refusal: AdmitRefusal };

/** A claim as columns: 128 bits each. */
export interface ClaimBytes {
  key: Uint8Array;
  fingerprint: Uint8Array;
}

const HASH_BYTES = 16;

export function claimBytes(claim: IdempotencyClaim): ClaimBytes {
  const key = decodeHex(claim.key_hash);
  const fingerprint = decodeHex(claim.fingerprint);
  if (key?.length !== HASH_BYTES || fingerprint?.length !== HASH_BYTES)
    throw new RangeError("an idempotency claim is two 128-bit hex values");
  return { key, fingerprint };
}

type Holder = {
  seq: number;
  id: TaskId;
  state: number;
  same: number;
  admitted_ms: number;
  finished_ms: number | null;
  result: string | null;
};

/**
 * Same key and fingerprint: the stored outcome while its sealed body lives, then `result_expired`; a task that was
 * abandoned keeps `outcome_unknown` even after its late settlement, and never runs again. After 72 h the key is free.
 */
export function keyVerdict(sql: Sql, nowMs: number, { key, fingerprint }: ClaimBytes): KeyVerdict {
  const holder = sql.get<Holder>(
    "SELECT seq, id, state, fingerprint = ? AS same, admitted_ms, finished_ms, result FROM task WHERE key_hash = ?",
    fingerprint,
    key,
  );
  if (!holder) return { kind: "free" };
  if (holder.state !== TASK.open && holder.admitted_ms + LIMITS.idempotencyRowMsMax <= nowMs) {
    forgetKey(sql, holder.seq);
    return { kind: "free" };
  }
  const refused = (refusal: AdmitRefusal): KeyVerdict => ({ kind: "refused", refusal });
  if (!holder.same) return refused({ reason: "key_reused" });
  const task = holder.id;
  if (holder.state === TASK.open)
    return refused({ reason: "in_progress", task, retry_after_ms: LIMITS.inProgressRetryMs });
  if (holder.state !== TASK.settled) return refused({ reason: "outcome_unknown", task });
  const liveUntilMs = (holder.finished_ms ?? 0) + LIMITS.idempotentResultMsMax;
  if (holder.result !== "stored" || liveUntilMs <= nowMs) return refused({ reason: "result_expired", task });
  return { kind: "replay", task };
}

export const forgetKey = (sql: Sql, task: number): void => {
  sql.run("UPDATE task SET key_hash = NULL, fingerprint = NULL WHERE seq = ?", task);
};
