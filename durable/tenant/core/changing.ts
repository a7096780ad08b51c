import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Change, ChangeRefusal } from "../../../shared/contracts/ports/tenant-store.ts";
import { err, type Result } from "../../../shared/contracts/result.ts";
import type { CoreEnv, Sql } from "../../runtime/sql.ts";
import { accessRefusal, type Gate, readGate } from "./access.ts";
import { noteRepeatable } from "./coalesce.ts";
import { LedgerWriter } from "./ledger.ts";

/** Whether a suspended or locked tenant may still be changed this way. */
export type Exempt = (gate: Gate) => boolean;
const never: Exempt = () => false;

/**
 * One change of the control plane in one transaction: access, halt of the ledger, suspension, lock, then `body`, which
 * writes and ledgers. What refuses here leaves its coalesced entry as a second step.
 */
export function changing<T, E extends { reason: string }>(
  sql: Sql,
  env: CoreEnv,
  { access, by }: Change,
  action: string,
  body: (ledger: LedgerWriter) => Result<T, E>,
  exempt: Exempt = never,
): Result<T, E | ChangeRefusal> {
  let blocked: "suspended" | "locked" | "ledger_halted" | null = null;
  const outcome = sql.transaction((): Result<T, E | ChangeRefusal> => {
    const gate = readGate(sql, access.kid);
    const refusal = accessRefusal(gate, env.now, access);
    if (refusal) return err(refusal);
    if (gate.halted) {
      blocked = "ledger_halted";
      return err({ reason: blocked, retry_after_ms: LIMITS.logRecheckMs });
    }
    if ((gate.suspended || gate.locked) && !exempt(gate)) {
      blocked = gate.suspended ? "suspended" : "locked";
      return err({ reason: blocked });
    }
    return body(new LedgerWriter(sql, gate.tenant, env.now));
  });
  if (blocked !== null)
    noteRepeatable(sql, env.now, {
      kind: "call.refused",
      outcome: "failure",
      action,
      reason: blocked,
      task: null,
      by,
      detail: {},
    });
  return outcome;
}
