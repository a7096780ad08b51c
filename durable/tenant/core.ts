import type { Access, AccessRefusal, UsageGroup, UsageQuery } from "../../shared/contracts/ports/tenant-store.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import type { CoreEnv, Sql } from "../runtime/sql.ts";
import { accessRefusal, readGate } from "./core/access.ts";
import { usageGroups } from "./core/usage.ts";

/**
 * Every decision about one tenant: synchronous functions over its database, each one atomic step. They need the tables
 * of a provisioned tenant; hosts answer `unknown_tenant` for all others without asking.
 */
export { admit } from "./core/admit.ts";
export {
  approval,
  approvalByTask,
  decideApproval,
  findApproval,
  listApprovals,
  requestApproval,
  runApproval,
} from "./core/approvals.ts";
export { arrive, complete, discard, holdsEntries, isWritten, settleIn, writePart } from "./core/arrive.ts";
export { deleteBudget, listBudgets, putBudget } from "./core/budget-admin.ts";
export { credential, deleteCredential, listCredentials, putCredential } from "./core/credentials.ts";
export { decision, decisions, keepAlone } from "./core/decisions.ts";
export { nextDue, sweep } from "./core/due.ts";
export { erasedSince, eraseSubject, erasures, noteErased } from "./core/erasures.ts";
export {
  MOVE_TABLES,
  type NamedObject,
  namedObjects,
  notePart,
  partBegins,
  partDigests,
} from "./core/export-parts.ts";
export { dueFeed, feedDelivered, feedFailed, feedIsDue } from "./core/feed.ts";
export { createKey, listKeys, revokeKey, rotateKey } from "./core/keys.ts";
export { log, period, proof, tenantLog } from "./core/log.ts";
export { freeze, leave, noteArchive, release, stay } from "./core/move.ts";
export { moveOf } from "./core/move-state.ts";
export { grantOperator } from "./core/operator-grants.ts";
export {
  activateBundle,
  listBundles,
  type PolicyLayerState,
  policyBundle,
  policyState,
  putBundle,
} from "./core/policy.ts";
export { deletePolicyKey, policyKeys, putPolicyKey } from "./core/policy-keys.ts";
export { provision } from "./core/provision.ts";
export { ledgerPage, record } from "./core/records.ts";
export { refuse } from "./core/refusals.ts";
export { settle } from "./core/settle.ts";
export { change, lookup } from "./core/state.ts";
export { beginContent, subjectKey } from "./core/subject-keys.ts";
export { task } from "./core/task-record.ts";

export function usage(sql: Sql, env: CoreEnv, access: Access, query: UsageQuery): Result<UsageGroup[], AccessRefusal> {
  const refusal = accessRefusal(readGate(sql, access.kid), env.now, access);
  return refusal ? err(refusal) : ok(usageGroups(sql, query));
}
