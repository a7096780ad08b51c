import type { RegisteredKey } from "../../../shared/contracts/policy/registered-key.ts";
import type { StoredBundle } from "../../../shared/contracts/ports/policy-store.ts";
import type { Access, AccessRefusal, Change, ChangeRefusal } from "../../../shared/contracts/ports/tenant-store.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import {
  type ActivateRefusal,
  type NewBundle,
  type PutRefusal,
  type ShelfOwner,
  type ShelfState,
  type ShelfTarget,
  shelfActivate,
  shelfBytes,
  shelfList,
  shelfPut,
  shelfState,
} from "../../runtime/bundle-shelf.ts";
import type { CoreEnv, Sql } from "../../runtime/sql.ts";
import { accessRefusal, readGate } from "./access.ts";
import { changing } from "./changing.ts";
import type { LedgerWriter } from "./ledger.ts";
import { registeredKeys } from "./policy-keys.ts";

export type PolicyLayerState = ShelfState & { version: number; keys?: readonly RegisteredKey[] };

function versionOf(sql: Sql): number {
  const row = sql.get<{ policy_version: number }>("SELECT policy_version FROM tenant");
  if (!row) throw new Error("the tenant's row is missing");
  return row.policy_version;
}

/** What is in force, with the version that `admit` compares. */
export const policyState = (sql: Sql): PolicyLayerState => ({
  version: versionOf(sql),
  ...shelfState(sql),
  ...keysIn(sql),
});

function keysIn(sql: Sql): { keys?: readonly RegisteredKey[] } {
  const keys = registeredKeys(sql);
  return keys.length === 0 ? {} : { keys };
}

export { shelfBytes as policyBundle };

/** The tenant as the owner of its shelf: its version moves and its ledger is written in the change's transaction. */
function ownerOf(sql: Sql, env: CoreEnv, { by }: Change, ledger: LedgerWriter, action: string): ShelfOwner {
  const version = versionOf(sql);
  return {
    nowMs: env.now,
    subject: by.subject,
    version,
    bump() {
      sql.run("UPDATE tenant SET policy_version = ?", version + 1);
      return version + 1;
    },
    ledger: (kind, detail) =>
      void ledger.append({ kind, outcome: "success", action, task: null, by, detail: { layer: "tenant", ...detail } }),
  };
}

export function putBundle(
  sql: Sql,
  env: CoreEnv,
  change: Change,
  bundle: NewBundle,
): Result<StoredBundle, ChangeRefusal | PutRefusal> {
  const action = "policy:write";
  return changing<StoredBundle, PutRefusal>(sql, env, change, action, (ledger) =>
    shelfPut(sql, ownerOf(sql, env, change, ledger, action), bundle),
  );
}

/** Edges that decided on the version before are refused as stale from the moment that this commits. */
export function activateBundle(
  sql: Sql,
  env: CoreEnv,
  change: Change,
  target: ShelfTarget,
): Result<PolicyLayerState, ChangeRefusal | ActivateRefusal> {
  const action = "policy:activate";
  return changing<PolicyLayerState, ActivateRefusal>(sql, env, change, action, (ledger) => {
    const done = shelfActivate(sql, ownerOf(sql, env, change, ledger, action), target);
    return done.ok ? ok({ ...done.value, ...keysIn(sql) }) : done;
  });
}

export function listBundles(
  sql: Sql,
  env: CoreEnv,
  access: Access,
): Result<{ version: number; bundles: StoredBundle[] }, AccessRefusal> {
  const refusal = accessRefusal(readGate(sql, access.kid), env.now, access);
  return refusal ? err(refusal) : ok({ version: versionOf(sql), bundles: shelfList(sql) });
}
