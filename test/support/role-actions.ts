import { readFileSync } from "node:fs";
import { ROLES, type Role } from "../../shared/contracts/actor.ts";

const { rbac }: { rbac: { tenant_actions: Record<string, Record<string, true>>; cell_actions: Record<string, true> } } =
  JSON.parse(readFileSync(new URL("../../policies/cell/data.json", import.meta.url), "utf8"));

/** Actions beyond one tenant, as the cell's default policy has them. */
export const CELL_ACTIONS: readonly string[] = Object.keys(rbac.cell_actions);

/** Role × action, as the cell's default policy has it. */
export const ROLE_ACTIONS = Object.fromEntries(
  ROLES.map((role) => [
    role,
    Object.entries(rbac.tenant_actions).flatMap(([action, roles]) => (roles[role] === true ? [action] : [])),
  ]),
) as unknown as Readonly<Record<Role, readonly string[]>>; // safe because: one member for each role
