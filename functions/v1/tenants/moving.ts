import { MovePath } from "../../../shared/contracts/http/tenant-moves.ts";
import type { TenantId } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { MoveRefusal, TenantMoves } from "../../../shared/contracts/ports/tenant-moves.ts";
import type { Result } from "../../../shared/contracts/result.ts";
import type { TenantMove } from "../../../shared/contracts/tenant-move.ts";
import { decodeBase64url } from "../../../shared/crypto/base64url.ts";
import type { Call, Deps } from "../../context.ts";
import { ProblemError } from "../../problem.ts";
import { evidenceCall } from "../ledger/evidence-parts.ts";
import { rfc3339 } from "../time.ts";
import { requireCellOperator } from "./target.ts";

export const MOVE_PROBLEMS = ["not-found", "move-refused", "evidence-unavailable", "misconfigured"] as const;
/** What every operation of a move declares. */
export const MOVING = {
  gate: "governed",
  credential: "fresh",
  ack: "commit",
  tag: "Tenants",
  params: MovePath,
  problems: MOVE_PROBLEMS,
  resource: { kind: "tenant", param: "tenant_id" },
} as const;
/** And every step of one: done again it answers the same. */
export const MOVE_STEP = { ...MOVING, method: "post", retry: "safe", kind: "unary" } as const;

/**
 * The moves of this cell, for one of its operators. An operator does not move the tenant that holds their own key: the key
 * would not be taken any more in the middle of it.
 */
export function movesOf(
  deps: Pick<Deps, "moves">,
  call: Pick<Call, "actor" | "tenant">,
  tenant: TenantId,
): TenantMoves {
  requireCellOperator(call);
  if (deps.moves === null) throw new ProblemError("misconfigured", { detail: "This host does not move tenants." });
  if (call.tenant.id === tenant)
    throw new ProblemError("move-refused", {
      detail: "The caller's own tenant is moved with a key of another one.",
      members: { reason: "own_tenant" },
    });
  return deps.moves;
}

/** The value of a step; what its stores cannot do now is a 503. Throws `ProblemError`. */
export async function step<T>(work: Promise<Result<T, MoveRefusal>>): Promise<T> {
  const done = await evidenceCall(work);
  if (done.ok) return done.value;
  const { reason, detail, retry_after_ms } = done.error;
  if (reason === "unknown_tenant") throw new ProblemError("not-found");
  throw new ProblemError("move-refused", {
    detail: `${detail.charAt(0).toUpperCase()}${detail.slice(1)}.`,
    members: { reason },
    ...(retry_after_ms === undefined ? {} : { retryAfterMs: retry_after_ms }),
  });
}

export const moveObject = (tenant: TenantId, { id, phase, from, to, begun_ms, manifest }: TenantMove) => ({
  object: "tenant.move",
  ...{ id, tenant, phase, from, to, manifest },
  begun_at: rfc3339(begun_ms),
});

/** The 32 bytes that the schema has let through. */
export function transferKeyOf(text: string): Uint8Array {
  const key = decodeBase64url(text);
  if (key?.length !== 32)
    throw new ProblemError("invalid-request", { param: "transfer_key", detail: "32 bytes in base64url." });
  return key;
}

/** A manifest with all of its parts, and the keys of every former home. */
export const ARCHIVE_INPUT = {
  media: "application/json",
  bodyBytesMax: 2 * LIMITS.verifyKeysBytesMax + LIMITS.movedManifestBytesMax,
} as const;
