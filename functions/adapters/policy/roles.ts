import type { Actor } from "../../../shared/contracts/actor.ts";
import type { Decided, Decision, PolicyInput } from "../../../shared/contracts/decision.ts";
import type { Ids } from "../../../shared/contracts/ports/clock.ts";
import type { Policy } from "../../../shared/contracts/ports/policy.ts";
import { canonicalJson } from "../../../shared/crypto/canonical-json.ts";
import { sha256Hex } from "../../../shared/crypto/sha256.ts";
import { CELL_ACTIONS, ROLE_ACTIONS } from "./roles-table.ts";

const BY_ROLE = new Map(Object.entries(ROLE_ACTIONS).map(([role, actions]) => [role, new Set<string>(actions)]));
const CELL = new Set(CELL_ACTIONS);
const KNOWN = new Set([...CELL, ...[...BY_ROLE.values()].flatMap((actions) => [...actions])]);

/** Digest of the tables that answer; it changes when any cell of them does. */
export const ROLES_DIGEST = `roles-v1:${sha256Hex(
  canonicalJson({
    cell: [...CELL_ACTIONS],
    roles: Object.fromEntries(Object.entries(ROLE_ACTIONS).map(([role, actions]) => [role, [...actions]])),
  }),
)}`;

/** Why not, or null. What the actor is comes before what its credential was narrowed to. */
function denial({ roles, granted, cell_operator }: Actor, action: string): string | null {
  if (!KNOWN.has(action)) return "unknown_action";
  if (CELL.has(action)) {
    if (!cell_operator) return "cell_operator_only";
  } else if (!roles.some((role) => BY_ROLE.get(role)?.has(action) === true)) return "role";
  const namespace = action.slice(0, action.indexOf(":"));
  return granted.some((scope) => scope === "*" || scope === action || scope === `${namespace}:*`)
    ? null
    : "insufficient_scope";
}

const decisionOf = (reason: string | null): Decision =>
  reason === null
    ? { decision: "ALLOW", reasons: ["role_and_scope"], obligations: [], approvals: [] }
    : { decision: "DENY", reasons: [reason], obligations: [], approvals: [] };

/**
 * Roles and scopes, deny by default: the action must be in the row of one of the actor's roles *and* in its granted
 * scopes (`ns:verb`, `ns:*`, `*`). The scopes of the decision must be the actor's own tenant. Never unavailable: the
 * table is code, named by `ROLES_DIGEST`. Reasons: `role`, `insufficient_scope`, `cell_operator_only`,
 * `unknown_action`, `foreign_tenant`.
 */
export function rolesPolicy(ids: Pick<Ids, "mint">): Policy {
  const decide = (input: PolicyInput): Decided => {
    const foreign = input.scopes.tenant !== input.actor.scopes.tenant;
    const decision = decisionOf(foreign ? "foreign_tenant" : denial(input.actor, input.action));
    return {
      id: ids.mint("dec"),
      decision,
      layers: [],
      policy_digest: ROLES_DIGEST,
      input_digest: "",
      now_ns: "0",
    };
  };
  return {
    decide: async (input) => decide(input),
    decideMany: async (inputs) => inputs.map(decide),
  };
}
