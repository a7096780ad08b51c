import type { StoredBundle } from "../../shared/contracts/ports/policy-store.ts";
import type { Change } from "../../shared/contracts/ports/tenant-store.ts";
import type { Result } from "../../shared/contracts/result.ts";
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
} from "../runtime/bundle-shelf.ts";
import type { CoreEnv, Sql } from "../runtime/sql.ts";
import { appendEvent, type CellOrigin } from "./system-ledger.ts";

export type PolicyLayerState = ShelfState & { version: number };

/** 0: nothing was ever activated, and the policy that is built into the release decides. */
const versionOf = (sql: Sql): number =>
  sql.get<{ version: number }>("SELECT version FROM policy_version")?.version ?? 0;

export const policyState = (sql: Sql): PolicyLayerState => ({ version: versionOf(sql), ...shelfState(sql) });

export { shelfBytes as policyBundle };

/** The cell as the owner of its shelf; who operates it was decided by policy, and stands in the system ledger. */
function ownerOf(sql: Sql, env: CoreEnv, origin: CellOrigin, { by }: Change, action: string): ShelfOwner {
  const version = versionOf(sql);
  return {
    nowMs: env.now,
    subject: by.subject,
    version,
    bump() {
      sql.run(
        "INSERT INTO policy_version (one, version) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET version = excluded.version",
        version + 1,
      );
      return version + 1;
    },
    ledger: (kind, detail) =>
      void appendEvent(
        sql,
        env,
        origin,
        { kind, reason: kind.slice("policy.".length), source: by.source, detail: { layer: "cell", ...detail } },
        { action, by },
      ),
  };
}

export const putBundle = (
  sql: Sql,
  env: CoreEnv,
  origin: CellOrigin,
  change: Change,
  bundle: NewBundle,
): Result<StoredBundle, PutRefusal> =>
  sql.transaction(() => shelfPut(sql, ownerOf(sql, env, origin, change, "policy:write"), bundle));

export const activateBundle = (
  sql: Sql,
  env: CoreEnv,
  origin: CellOrigin,
  change: Change,
  target: ShelfTarget,
): Result<PolicyLayerState, ActivateRefusal> =>
  sql.transaction(() => shelfActivate(sql, ownerOf(sql, env, origin, change, "policy:activate"), target));

export const listBundles = (sql: Sql): { version: number; bundles: StoredBundle[] } => ({
  version: versionOf(sql),
  bundles: shelfList(sql),
});
