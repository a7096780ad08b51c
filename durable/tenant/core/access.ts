import type { Access, AccessRefusal, Versions } from "../../../shared/contracts/ports/tenant-store.ts";
import { KnownRows } from "../../runtime/known.ts";
import type { Sql } from "../../runtime/sql.ts";

/** The tenant with the caller's key beside it: what every call is compared with before anything else. */
export type Gate = {
  tenant: string;
  suspended: number;
  locked: number;
  /**
   * The ledger disagrees with its archive, or the tenant is moving to or from another cell: nothing is admitted and nothing
   * changed.
   */
  halted: number;
  state_version: number;
  policy_version: number;
  data_key: string;
  budgets: number;
  key_version: number | null;
  expires_ms: number | null;
  revoked_ms: number | null;
  last_used_ms: number | null;
};

/** `+?`: a bare parameter in a LEFT JOIN makes workerd's SQLite plan the statement anew each time it is bound. */
const READ = `SELECT t.id AS tenant, t.suspended, t.locked, (g.fault IS NOT NULL OR EXISTS (SELECT 1 FROM move)) AS halted, t.state_version, t.policy_version, t.data_key, t.budgets,
    k.version AS key_version, k.expires_ms, k.revoked_ms, k.last_used_ms
  FROM tenant t CROSS JOIN log g LEFT JOIN api_key k ON k.kid = +?`;

/** Every call compares itself with its gate, and only administration changes one. */
const GATES = new KnownRows<string | null, Gate>("tenant", "api_key", "log", "move");

export function readGate(sql: Sql, kid: string | null): Gate {
  const known = GATES.get(sql, kid);
  if (known) return known;
  const gate = sql.get<Gate>(READ, kid);
  if (!gate) throw new Error("the tenant's row is missing");
  // Keys that do not exist are not remembered: callers may invent any number of them.
  if (kid === null || gate.key_version !== null) GATES.set(sql, kid, gate);
  return gate;
}

const currentOf = (gate: Gate): Versions => ({
  credential: gate.key_version ?? 0,
  state: gate.state_version,
  policy: gate.policy_version,
});

/**
 * A key that is revoked, expired or gone is unknown whatever versions the edge decided on; otherwise the first version
 * that differs is named. Null: the caller decided on the current state. Callers without a key carry no credential version.
 */
export function accessRefusal(gate: Gate, nowMs: number, access: Access): AccessRefusal | null {
  if (access.kid !== null) {
    if (gate.key_version === null || gate.revoked_ms !== null) return { reason: "unknown_credential" };
    if (gate.expires_ms !== null && gate.expires_ms <= nowMs) return { reason: "unknown_credential" };
    if (gate.key_version !== access.versions.credential)
      return { reason: "stale", which: "credential", current: currentOf(gate) };
  }
  if (gate.state_version !== access.versions.state)
    return { reason: "stale", which: "state", current: currentOf(gate) };
  if (gate.policy_version !== access.versions.policy)
    return { reason: "stale", which: "policy", current: currentOf(gate) };
  return null;
}
