import type { UnixMs } from "../../../shared/contracts/ids.ts";
import { type CommitmentSalts, commitmentSalts } from "../../../shared/crypto/commitment-salts.ts";
import type { Call, Deps } from "../../context.ts";
import type { TaskEntries } from "../../evidence/task-predicate.ts";
import { subjectDigest } from "../../inference/content-keys.ts";
import { STORED_READ_OBLIGATIONS } from "../../inference/obligations/carried-out.ts";
import { keyOf } from "../../inference/obligations/duties.ts";
import { askPolicy } from "../ask-policy.ts";
import { refusalOf } from "../enforce.ts";
import { unwrap } from "../refusals.ts";

/** Asked beside `evidence:read`: whether this reader may also see what was said. */
export const SALTS_ACTION = "evidence:salts";

/**
 * The salts of a task's commitments for a reader who may see its content, else null. Policy is asked anew; outside of the
 * task's own workspace only an administrator's or auditor's role counts, so that no developer opens another team's call.
 * `erased` for everybody once the task's subject was erased, at the task's time or later (ADR 0011).
 */
export async function disclosedSalts(
  deps: Deps,
  call: Call,
  { opening }: Pick<TaskEntries, "opening">,
): Promise<CommitmentSalts | "erased" | null> {
  if (opening.kind !== "task.opened" || opening.task === null) return null;
  const { actor } = call;
  const own = opening.workspace === actor.scopes.workspace;
  const roles = own ? actor.roles : actor.roles.filter((role) => role === "admin" || role === "auditor");
  const input = { ...call.policyInput, action: SALTS_ACTION, actor: { ...actor, roles } };
  const decided = await askPolicy(deps, call, input, null);
  const { decision, obligations } = decided.decision;
  if (decision === "REQUIRE_HITL" || refusalOf(decided, { enforces: STORED_READ_OBLIGATIONS }) !== null) return null;
  // What the answer is under was carried out for the read itself; a further demand is not met by it.
  const met = new Set(call.decided.decision.obligations.map(keyOf));
  if (!obligations.every((duty) => STORED_READ_OBLIGATIONS.includes(duty.id) || met.has(keyOf(duty)))) return null;
  const subject = subjectDigest(opening.subject);
  const at_ms = Date.parse(opening.at) as UnixMs; // safe because: entries carry the shell's clock
  if (unwrap(await deps.tenants.erasedSince(call.tenant.id, call.access, subject, at_ms)).erased) return "erased";
  const dataKey = await deps.keyring.openDataKey(call.tenant.id, call.tenant.data_key);
  return commitmentSalts(dataKey, opening.task);
}
