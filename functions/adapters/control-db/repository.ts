import { z } from "zod";
import { PRIVACY_MODES } from "../../../shared/contracts/decision.ts";
import type { TenantId } from "../../../shared/contracts/ids.ts";
import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import type { ControlDb, Statement } from "../../../shared/contracts/ports/control-db.ts";
import type {
  ControlRepository,
  Environment,
  EnvironmentPath,
  Project,
  ProjectPath,
  TenantRow,
  UsageSum,
  Workspace,
  WorkspacePath,
} from "../../../shared/contracts/ports/control-repository.ts";
import { err, ok } from "../../../shared/contracts/result.ts";
import { pageOf, rowsAsked } from "./keyset.ts";
import { orUnavailable } from "./outcome.ts";
import { ENVIRONMENTS, PROJECTS, SCOPE_COLUMNS, SCOPE_STATE, scopeRepository, WORKSPACES } from "./scope-repository.ts";

const TenantRowSchema: z.ZodType<TenantRow> = z.object({
  tenant: z.string(),
  cell: z.string(),
  ...SCOPE_STATE,
  privacy: z.enum(PRIVACY_MODES),
  content: z.enum(["none", "store"]),
  transit: z.enum(["refused", "allowed"]),
  suspended: z.boolean(),
  locked: z.boolean(),
});
const TENANT_COLUMNS = `tenant_id as tenant, cell_id as cell, ${SCOPE_COLUMNS}, privacy, content, transit, suspended, locked`;
const ownTenant = (tenant: TenantId): Statement => ({
  text: `select ${TENANT_COLUMNS} from tenants where tenant_id = $1`,
  params: [tenant],
});

const UsageSumSchema: z.ZodType<UsageSum> = z.object({
  requests: z.number(),
  tokens_in: z.number(),
  tokens_out: z.number(),
  tokens_cached: z.number(),
  cost_nusd: z.number(),
});
const SUMS = ["requests", "tokens_in", "tokens_out", "tokens_cached", "cost_nusd"]
  .map((column) => `coalesce(sum(${column}), 0) as ${column}`)
  .join(", ");

/** The registry of scopes over any `ControlDb`. Stateless; the database serialises changes within a tenant. */
export function controlRepository(deps: { db: ControlDb; clock: Clock }): ControlRepository {
  const { db, clock } = deps;
  return {
    registerTenant: (state) =>
      orUnavailable(async () => {
        const { name, privacy, content, transit } = state.settings;
        const now = clock.now();
        const mirror: Statement = {
          text: `insert into tenants (name, created_ms, updated_ms, version, privacy, content, transit, suspended, locked)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            on conflict (tenant_id) do update set name = excluded.name, updated_ms = excluded.updated_ms,
              version = excluded.version, privacy = excluded.privacy, content = excluded.content, transit = excluded.transit,
              suspended = excluded.suspended, locked = excluded.locked
            where tenants.version < excluded.version`,
          params: [
            name,
            state.created_ms,
            now,
            state.versions.state,
            privacy,
            content,
            transit,
            state.suspended,
            state.locked,
          ],
        };
        const seed: Statement = { text: "select seed_default_scopes($1::bigint)", params: [now] };
        const answers = await db.withTenant(state.id, [mirror, seed, ownTenant(state.id)]);
        return ok(TenantRowSchema.parse(answers[2]?.[0]));
      }),
    tenant: (tenant) =>
      orUnavailable(async () => {
        const [rows] = await db.withTenant(tenant, [ownTenant(tenant)]);
        const row = rows?.[0];
        return row === undefined ? err({ reason: "not_found" as const }) : ok(TenantRowSchema.parse(row));
      }),
    tenants: (page) =>
      orUnavailable(async () => {
        const text = `select ${TENANT_COLUMNS} from tenants where (created_ms, tenant_id) > ($1::bigint, $2::text)
          order by created_ms, tenant_id limit $3::integer`;
        const params = [page.after?.created_ms ?? -1, page.after?.id ?? "", rowsAsked(page)];
        const [rows = []] = await db.asOperator([{ text, params }]);
        const parse = (row: (typeof rows)[number]) => TenantRowSchema.parse(row);
        return ok(pageOf(rows, page, parse, ({ created_ms, tenant }) => ({ created_ms, id: tenant })));
      }),
    workspaces: scopeRepository<WorkspacePath, Record<never, never>, Workspace>(deps, WORKSPACES),
    projects: scopeRepository<ProjectPath, WorkspacePath, Project>(deps, PROJECTS),
    environments: scopeRepository<EnvironmentPath, ProjectPath, Environment>(deps, ENVIRONMENTS),
    sqlUsage: (tenant, from, to) =>
      orUnavailable(async () => {
        const text = `select ${SUMS} from usage_billing where day >= $1::date and day < $2::date`;
        const [rows] = await db.withTenant(tenant, [{ text, params: [from, to] }]);
        return ok(UsageSumSchema.parse(rows?.[0]));
      }),
  };
}
