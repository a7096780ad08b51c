import type { Role } from "../../../shared/contracts/actor.ts";

/** Everything inside one tenant, by action. A cell's own actions are not among them. */
const TENANT_ACTIONS = [
  "inference:invoke",
  "model:read",
  "task:read",
  "session:read",
  "session:write",
  "tenant:read",
  "tenant:update",
  "workspace:read",
  "workspace:write",
  "project:read",
  "project:write",
  "environment:read",
  "environment:write",
  "key:read",
  "key:write",
  "budget:read",
  "budget:write",
  "usage:read",
  "credential:read",
  "credential:write",
  "ledger:read",
  "config:read",
  "policy:read",
  "policy:write",
  "policy:activate",
] as const;
export type TenantAction = (typeof TENANT_ACTIONS)[number];

/** Actions beyond one tenant: for operators of the cell, whatever roles they have. */
export const CELL_ACTIONS: readonly string[] = [
  "tenant:create",
  "tenant:list",
  "tenant:suspend",
  "tenant:delete",
  "cell:read",
  "cell:write",
  "cell:health",
];

const PLACES = ["tenant:read", "workspace:read", "project:read", "environment:read"] as const;

/** Role × action; what is not listed is denied. Whose rows `usage:read` shows is narrowed by the operation itself. */
export const ROLE_ACTIONS: Readonly<Record<Role, readonly TenantAction[]>> = {
  admin: TENANT_ACTIONS,
  operator: [
    ...PLACES,
    "model:read",
    "task:read",
    "usage:read",
    "config:read",
    "policy:read",
    "credential:read",
    "key:read",
    "key:write",
    "budget:read",
    "budget:write",
  ],
  auditor: [
    ...PLACES,
    "model:read",
    "task:read",
    "usage:read",
    "config:read",
    "policy:read",
    "ledger:read",
    "key:read",
    "budget:read",
    "credential:read",
  ],
  developer: [
    ...PLACES,
    "inference:invoke",
    "model:read",
    "task:read",
    "session:read",
    "session:write",
    "usage:read",
    "budget:read",
  ],
  approver: [...PLACES, "model:read", "task:read", "budget:read", "usage:read"],
};
