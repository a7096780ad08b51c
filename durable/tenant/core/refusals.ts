import type { Access, AccessRefusal, Refusal } from "../../../shared/contracts/ports/tenant-store.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import type { CoreEnv, Sql } from "../../runtime/sql.ts";
import { accessRefusal, readGate } from "./access.ts";
import { noteRepeatable } from "./coalesce.ts";
import { checkDecision, keepOnce } from "./decisions.ts";

/** Records what the edge refused. Compared with the current versions first: a stale refusal is decided again. */
export function refuse(sql: Sql, env: CoreEnv, access: Access, refusal: Refusal): Result<null, AccessRefusal> {
  checkDecision(refusal.decision);
  const stale = accessRefusal(readGate(sql, access.kid), env.now, access);
  if (stale) return err(stale);
  const { by, task, action, reason, decision } = refusal;
  noteRepeatable(sql, env.now, { kind: "call.refused", outcome: "failure", action, reason, task, by, detail: {} });
  if (decision) keepOnce(sql, decision);
  return ok(null);
}
