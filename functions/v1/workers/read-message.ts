import { z } from "zod";
import { EnvironmentId, TaskId, type UnixMs, WorkspaceId } from "../../../shared/contracts/ids.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import { JobMessage } from "../../../shared/contracts/worker-protocol.ts";
import { sha256Hex } from "../../../shared/crypto/sha256.ts";
import type { Ticket, WorkerClaims, WorkloadTokens } from "../../../shared/crypto/workload-token.ts";

/** What leasing reads of a call's context; that the cell wrote the whole of it is what the ticket says. */
const Context = z.object({
  schema_version: z.literal(1),
  task: TaskId,
  deadline: z
    .int()
    .min(0)
    .transform((ms) => ms as UnixMs), // safe because: milliseconds
  actor: z.object({ scopes: z.object({ tenant: z.string(), workspace: WorkspaceId, environment: EnvironmentId }) }),
});

export interface AskedTask {
  ticket: Ticket;
  deadline: UnixMs;
}
/** `later`: not this worker's, but another one's of its pool. */
export type MessageRefusal =
  | { reason: "invalid" }
  | { reason: "finished" }
  | { reason: "forbidden" }
  | { reason: "later" };

/** The task of a message that this cell made for this worker's pool, if the worker may have it. */
export async function readMessage(
  tokens: Pick<WorkloadTokens, "readTicket">,
  claims: WorkerClaims,
  message: string,
  now: number,
): Promise<Result<AskedTask, MessageRefusal>> {
  const job = parsed(JobMessage, message);
  if (job === null) return err({ reason: "invalid" });
  const ticket = await tokens.readTicket(job.ticket, now);
  // A ticket outlives its task's deadline: one that ended belongs to a task that did.
  if (!ticket.ok) return err({ reason: ticket.error.reason === "expired" ? "finished" : "invalid" });
  const context = sha256Hex(job.context) === ticket.value.ctx ? parsed(Context, job.context) : null;
  if (context?.task !== ticket.value.sub || context.actor.scopes.tenant !== ticket.value.tenant)
    return err({ reason: "invalid" });
  if (ticket.value.pool !== claims.pool) return err({ reason: "forbidden" });
  const { tenant, workspace, environment } = context.actor.scopes;
  const allowed = (names: readonly string[] | undefined, name: string) => names === undefined || names.includes(name);
  if (
    !allowed(claims.tenants, tenant) ||
    !allowed(claims.workspaces, workspace) ||
    !allowed(claims.environments, environment)
  )
    return err({ reason: "later" });
  return ok({ ticket: ticket.value, deadline: context.deadline });
}

function parsed<T>(schema: z.ZodType<T>, text: string): T | null {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    // Not quoted: it may be somebody's call.
    return null;
  }
}
