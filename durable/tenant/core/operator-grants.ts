import type { Change, ChangeRefusal, KeyView, NewKey } from "../../../shared/contracts/ports/tenant-store.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import type { CoreEnv, Sql } from "../../runtime/sql.ts";
import { readGate } from "./access.ts";
import { changing } from "./changing.ts";
import { insertKey, keyRecord } from "./keys.ts";

/** Every key that was ever granted: dead keys are forgotten, and what was told once may be told again at any time. */
export const OPERATOR_GRANT_SCHEMA: readonly string[] = [
  "CREATE TABLE operator_grant (kid TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID",
];

/**
 * A key of the cell's operators, made by whoever has the cell itself, for a cell whose operators have none left. Once for
 * each id, whatever became of the key since. Suspension, lock and the bound of keys do not stand in its way; a ledger that
 * does not agree with its archive does. Recorded as every key is.
 */
export function grantOperator(
  sql: Sql,
  env: CoreEnv,
  by: Change["by"],
  key: Omit<NewKey, "cell_operator">,
): Result<KeyView, ChangeRefusal | { reason: "exists" }> {
  const gate = readGate(sql, null);
  const versions = { credential: 0, state: gate.state_version, policy: gate.policy_version };
  return changing<KeyView, { reason: "exists" }>(
    sql,
    env,
    { access: { kid: null, versions }, by },
    "key:write",
    (ledger) => {
      const granted = sql.get("SELECT 1 AS found FROM operator_grant WHERE kid = ?", key.kid);
      if (granted !== undefined || keyRecord(sql, key.kid) !== null) return err({ reason: "exists" });
      sql.run("INSERT INTO operator_grant (kid, seq) VALUES (?, ?)", key.kid, ledger.next);
      return ok(insertKey(sql, env.now, ledger, by, { ...key, cell_operator: true, made_by: [by.subject] }));
    },
    () => true,
  );
}
