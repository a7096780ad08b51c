import { z } from "zod";
import { Actor, Scopes } from "../../../shared/contracts/actor.ts";
import type { ApprovalRecord } from "../../../shared/contracts/approval.ts";
import type { TaskId, UnixMs } from "../../../shared/contracts/ids.ts";
import type { JsonValue } from "../../../shared/contracts/json.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { TenantState } from "../../../shared/contracts/ports/tenant-store.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import { canonicalJson } from "../../../shared/crypto/canonical-json.ts";
import { encodeHex } from "../../../shared/crypto/hex.ts";
import { hmacSha256 } from "../../../shared/crypto/hmac-sha256.ts";
import { open } from "../../../shared/crypto/open.ts";
import { seal } from "../../../shared/crypto/seal.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import type { Call, Deps } from "../../context.ts";
import { MEANINGFUL } from "../../inference/commitments.ts";
import { parseBody } from "../../pipeline/body.ts";
import type { Operation } from "../operation.ts";

/** What is approved: everything that changes what the operation does. */
export const Proposal = z.strictObject({
  kind: z.literal("operation"),
  operation: z.string(),
  params: z.json(),
  query: z.json(),
  body: z.json(),
  headers: z.record(z.string(), z.string()),
  requester: z.strictObject({ subject: z.string(), scopes: Scopes }),
});
export type Proposal = z.infer<typeof Proposal>;

/** A proposal with what its run needs besides: under whose authority, and for which key. Sealed while it waits. */
export const WaitingCall = z.strictObject({
  proposal: Proposal,
  actor: Actor,
  idempotency_key: z.string().nullable(),
});
export type WaitingCall = z.infer<typeof WaitingCall>;

/** Parameters of path and query as they were sent, which is text: what a schema made of them it does not take again. */
function sentAsText(part: unknown): JsonValue {
  if (part === undefined) return null;
  // safe because: the seam parsed it with an object schema
  const members = Object.entries(part as object).filter(([, member]) => member !== undefined);
  return Object.fromEntries(
    members.map(([name, member]) => [name, Array.isArray(member) ? member.map(String) : String(member)]),
  );
}

/** The body is kept as it was sent too: it is what people look at, and the run parses it as the call was parsed. */
export function waitingCall(operation: Operation, call: Call): WaitingCall {
  const headers: Record<string, string> = {};
  for (const name of MEANINGFUL) {
    const value = call.headers.get(name);
    if (value !== null) headers[name] = value;
  }
  const { actor, params, query } = call;
  return {
    proposal: {
      kind: "operation",
      operation: operation.id,
      params: sentAsText(params),
      query: sentAsText(query),
      body: operation.media === null ? null : parseBody(call.rawBody),
      headers,
      requester: { subject: actor.subject, scopes: actor.scopes },
    },
    actor,
    idempotency_key: call.idempotencyKey,
  };
}

/** A commitment to the proposal under the tenant's data key: nobody guesses a short one from its digest. */
export const proposalDigest = (dataKey: Uint8Array, proposal: Proposal): string =>
  encodeHex(hmacSha256(dataKey, `proposal:${canonicalJson(proposal)}`));

/** What the sealed bytes are bound to. */
const boundTo = (tenant: TenantState, task: TaskId, digest: string) => ({
  tenant: tenant.id,
  object: `${task}/proposal/${digest}`,
});

/** Keeps a waiting call, sealed, in its task's object; durable before it resolves. `too_large` keeps nothing. */
export async function keepWaiting(
  deps: Pick<Deps, "tasks" | "keyring">,
  tenant: TenantState,
  task: TaskId,
  waiting: WaitingCall,
  kept: { digest: string; expires_ms: UnixMs; notify: boolean },
): Promise<Result<null, { reason: "too_large" }>> {
  const plain = utf8(JSON.stringify(waiting));
  if (plain.byteLength > LIMITS.approvalPayloadBytesMax) return err({ reason: "too_large" });
  const dataKey = await deps.keyring.openDataKey(tenant.id, tenant.data_key);
  const sealed = await seal(dataKey, boundTo(tenant, task, kept.digest), plain);
  await deps.tasks.putPayload(tenant.id, task, { ...kept, sealed });
  return ok(null);
}

/** The call that an approval is about; `gone` once it ran, or its life is over. Throws when it is not what was kept. */
export async function openWaiting(
  deps: Pick<Deps, "tasks" | "keyring">,
  tenant: TenantState,
  { task, subject }: Pick<ApprovalRecord, "task" | "subject">,
): Promise<Result<WaitingCall, { reason: "gone" }>> {
  const payload = await deps.tasks.payload(tenant.id, task, subject.digest);
  if (!payload.ok) return err({ reason: "gone" });
  const dataKey = await deps.keyring.openDataKey(tenant.id, tenant.data_key);
  const opened = await open(dataKey, boundTo(tenant, task, subject.digest), payload.value);
  if (!opened.ok) throw new Error(`the proposal of ${task} does not open: ${opened.error.reason}`);
  const waiting = WaitingCall.parse(JSON.parse(new TextDecoder().decode(opened.value)));
  if (proposalDigest(dataKey, waiting.proposal) !== subject.digest)
    throw new Error(`the proposal of ${task} is not the one that waits`);
  return ok(waiting);
}
