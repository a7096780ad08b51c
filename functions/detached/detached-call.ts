import { z } from "zod";
import { Actor, Role } from "../../shared/contracts/actor.ts";
import type { TaskId } from "../../shared/contracts/ids.ts";
import type { TenantState } from "../../shared/contracts/ports/tenant-store.ts";
import { open } from "../../shared/crypto/open.ts";
import { seal } from "../../shared/crypto/seal.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import type { Call, Deps } from "../context.ts";
import { MEANINGFUL } from "../inference/commitments.ts";

const ApprovalEvidence = z.strictObject({
  digest: z.string(),
  granted: z.array(z.strictObject({ layer: z.enum(["cell", "tenant"]), subject: z.string(), roles: z.array(Role) })),
});

/** Headers that a run reads besides those that change what is asked. */
const CARRIED = [...MEANINGFUL, "x-bailiwick-deadline-ms", "tracestate"] as const;

/**
 * A call as its run needs it: what was asked, under whose authority, when. Sealed in its task's object until the task has
 * ended. Parameters are kept as they were sent, so that the run parses them as the call was parsed.
 */
export const DetachedCall = z.strictObject({
  schema_version: z.literal(1),
  operation: z.string(),
  params: z.record(z.string(), z.json()),
  query: z.record(z.string(), z.json()),
  /** The body's own text, null for operations without one. */
  body: z.string().nullable(),
  headers: z.record(z.string(), z.string()),
  actor: Actor,
  request: z.string(),
  received_ms: z.int(),
  traceparent: z.string(),
  idempotency_key: z.string().nullable(),
  /** `batch`: a line of a batch, decided as one. */
  point: z.enum(["lease", "batch"]),
  /** What somebody approved, as evidence for the decision about the run. */
  approval: ApprovalEvidence.nullable(),
});
export type DetachedCall = z.infer<typeof DetachedCall>;

const asSent = (part: unknown): Record<string, string | string[]> =>
  Object.fromEntries(
    // safe because: the seam parsed it with an object schema, or there is none
    Object.entries((part ?? {}) as object)
      .filter(([, member]) => member !== undefined)
      .map(([name, member]) => [name, Array.isArray(member) ? member.map(String) : String(member)]),
  );

export function detachedCall(operation: string, call: Call): DetachedCall {
  const headers: Record<string, string> = {};
  for (const name of CARRIED) {
    const value = call.headers.get(name);
    if (value !== null) headers[name] = value;
  }
  return {
    schema_version: 1,
    operation,
    params: asSent(call.params),
    query: asSent(call.query),
    body: call.body === undefined ? null : new TextDecoder().decode(call.rawBody),
    headers,
    actor: call.actor,
    request: call.request,
    received_ms: call.receivedMs,
    traceparent: call.span.traceparent,
    idempotency_key: call.idempotencyKey,
    point: "lease",
    approval: call.approval == null ? null : ApprovalEvidence.parse(call.approval),
  };
}

const boundTo = (tenant: string, task: TaskId) => ({ tenant, object: `${task}/call` });

export const sealCall = (dataKey: Uint8Array, tenant: string, task: TaskId, call: DetachedCall): Promise<Uint8Array> =>
  seal(dataKey, boundTo(tenant, task), utf8(JSON.stringify(call)));

/** Null once it is not kept any more. Throws when the bytes are not what was sealed for this task. */
export async function openCall(
  deps: Pick<Deps, "tasks">,
  dataKey: Uint8Array,
  tenant: TenantState,
  task: TaskId,
): Promise<DetachedCall | null> {
  const kept = await deps.tasks.detachedCall(tenant.id, task);
  if (!kept.ok) return null;
  const opened = await open(dataKey, boundTo(tenant.id, task), kept.value);
  if (!opened.ok) throw new Error(`the call of ${task} does not open: ${opened.error.reason}`);
  return DetachedCall.parse(JSON.parse(new TextDecoder().decode(opened.value)));
}
