import { z } from "zod";
import { EnvironmentId, KeyId, ProjectId, TenantId, WorkspaceId } from "./ids.ts";

export const ROLES = ["admin", "operator", "auditor", "developer", "approver"] as const;
export const Role = z.enum(ROLES);
export type Role = z.infer<typeof Role>;

/** `<namespace>:<verb>`, derived from an operation's action; `*` alone grants whatever the roles allow. */
export const Scope = z.string().regex(/^(?:\*|[a-z][a-z-]{0,31}:(?:\*|[a-z][a-z-]{0,31}))$/);
export type Scope = z.infer<typeof Scope>;

/** The four scopes. Isolation is at the tenant; budgets, policy input, ledger and usage rows name all four. */
export const Scopes = z.object({
  tenant: TenantId,
  workspace: WorkspaceId,
  project: ProjectId,
  environment: EnvironmentId,
});
export type Scopes = z.infer<typeof Scopes>;

export const ActorLink = z.object({ subject: z.string().max(256), kind: z.enum(["user", "service", "worker"]) });

/** Who calls. Facts only; what the actor may do is policy's answer. */
export const Actor = z.object({
  scopes: Scopes,
  subject: z.string().min(1).max(256),
  kind: z.enum(["user", "service", "worker"]),
  roles: z.array(Role),
  granted: z.array(Scope),
  acr: z.string().max(256).nullable(),
  /** When the user last signed in, seconds since the epoch, as the issuer says (RFC 9470 §6); absent: nobody said. */
  auth_time_s: z.number().int().min(0).optional(),
  amr: z.array(z.string().max(64)),
  /** `key:<kid>`, `oidc:<hash of iss>`, `workload:<hash of iss>`; never the credential itself. */
  credential: z.string().max(80),
  /** Present for API keys: which row of the tenant's object must still be in force. */
  kid: KeyId.nullable(),
  /** Operators of the cell may select other tenants and manage tenants; only the cell's own set-up mints this. */
  cell_operator: z.boolean(),
  act: z.array(ActorLink),
});
export type Actor = z.infer<typeof Actor>;
