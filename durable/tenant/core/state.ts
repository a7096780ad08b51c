import type { TenantId, UnixMs } from "../../../shared/contracts/ids.ts";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import type {
  Change,
  ChangeRefusal,
  KeyRecord,
  TenantPatch,
  TenantSettings,
  TenantState,
} from "../../../shared/contracts/ports/tenant-store.ts";
import { ok, type Result } from "../../../shared/contracts/result.ts";
import type { CoreEnv, Sql } from "../../runtime/sql.ts";
import type { Gate } from "./access.ts";
import { changing } from "./changing.ts";
import { keyRecord } from "./keys.ts";
import { moveOf } from "./move-state.ts";
import { readPins, writePin } from "./pins.ts";

type StateRow = Pick<TenantSettings, keyof TenantSettings> & {
  id: TenantId;
  suspended: number;
  locked: number;
  created_ms: UnixMs;
  state_version: number;
  policy_version: number;
  data_key: string;
  pins: string;
};

export function tenantState(sql: Sql): TenantState {
  const row = sql.get<StateRow>(
    `SELECT id, name, privacy, content, transit, suspended, locked, created_ms, state_version, policy_version, data_key,
       pins FROM tenant`,
  );
  if (!row) throw new Error("the tenant's row is missing");
  const { id, name, privacy, content, transit, created_ms, data_key } = row;
  const move = moveOf(sql);
  const pins = readPins(row.pins);
  return {
    id,
    settings: { name, privacy, content, transit },
    // Whoever works without a caller asks for this alone.
    suspended: row.suspended === 1 || move !== null,
    ...(pins === null ? {} : { pins }),
    ...(move === null ? {} : { move: { phase: move.phase, to: move.to } }),
    locked: row.locked === 1,
    created_ms,
    versions: { state: row.state_version, policy: row.policy_version },
    data_key,
  };
}

/** The tenant as the ledger and the directory keep it. Never the data key. */
export const describeTenant = ({ settings, suspended, locked, created_ms, versions }: TenantState): JsonObject => ({
  ...settings,
  suspended,
  locked,
  created_ms,
  version: versions.state,
});

export const lookup = (sql: Sql, kid: string | null): { state: TenantState; key: KeyRecord | null } => ({
  state: tenantState(sql),
  key: kid === null ? null : keyRecord(sql, kid),
});

const isStateOnly = (patch: TenantPatch): boolean =>
  Object.keys(patch).every((member) => member === "suspended" || member === "locked");

/**
 * What still passes: of a suspended tenant only suspension and lock themselves, of a locked one also whatever comes with
 * the unlocking. A key of this tenant must belong to a cell operator; who calls without one was decided by policy.
 */
const exemption =
  (sql: Sql, access: Change["access"], patch: TenantPatch) =>
  (gate: Gate): boolean => {
    if (access.kid !== null && !keyRecord(sql, access.kid)?.cell_operator) return false;
    if (isStateOnly(patch)) return true;
    return gate.suspended ? false : patch.locked === false;
  };

/** Every change moves the state version, so edges that decided on the state before are refused as stale. */
export function change(sql: Sql, env: CoreEnv, change: Change, patch: TenantPatch): Result<TenantState, ChangeRefusal> {
  return changing<TenantState, never>(
    sql,
    env,
    change,
    "tenant:update",
    (ledger) => {
      const was = tenantState(sql);
      const { name, privacy, content, transit } = { ...was.settings, ...patch };
      const suspended = patch.suspended ?? was.suspended;
      const locked = patch.locked ?? was.locked;
      sql.run(
        `UPDATE tenant SET name = ?, privacy = ?, content = ?, transit = ?, suspended = ?, locked = ?,
           state_version = state_version + 1`,
        name,
        privacy,
        content,
        transit,
        suspended ? 1 : 0,
        locked ? 1 : 0,
      );
      if (patch.pin !== undefined) writePin(sql, was.pins ?? null, patch.pin);
      const state = tenantState(sql);
      ledger.append({
        kind: "tenant.changed",
        outcome: "success",
        action: "tenant:update",
        task: null,
        by: change.by,
        detail: {
          changed: Object.keys(patch).sort(),
          tenant: describeTenant(state),
          ...(patch.pin === undefined ? {} : { pin: { ...patch.pin } }),
        },
      });
      return ok(state);
    },
    exemption(sql, change.access, patch),
  );
}
