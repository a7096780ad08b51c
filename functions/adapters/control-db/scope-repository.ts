import { z } from "zod";
import { EnvironmentId, ProjectId, type TenantId, WorkspaceId } from "../../../shared/contracts/ids.ts";
import type { Attribution } from "../../../shared/contracts/ledger.ts";
import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import type { ControlDb, Row, Statement } from "../../../shared/contracts/ports/control-db.ts";
import type {
  CreateRefusal,
  EnvironmentPath,
  ProjectPath,
  ScopeRepository,
  ScopeState,
  UpdateRefusal,
  WorkspacePath,
} from "../../../shared/contracts/ports/control-repository.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import { pageOf, rowsAsked } from "./keyset.ts";
import { orUnavailable } from "./outcome.ts";

export const SCOPE_STATE = {
  name: z.string(),
  status: z.enum(["active", "archived"]),
  created_ms: z.number(),
  updated_ms: z.number(),
  version: z.number(),
};
export const SCOPE_COLUMNS = "name, status, created_ms, updated_ms, version";

/** What differs between the three kinds of scope. Table and column names are constants of this file, never input. */
interface Kind<Path extends Record<keyof Path, string>, Item extends Path & ScopeState> {
  table: "workspaces" | "projects" | "environments";
  action: "workspace" | "project" | "environment";
  /** Members of the path, outermost first; the last one names the item inside its parent. */
  path: readonly (keyof Path & string)[];
  parent: "workspaces" | "projects" | null;
  item: z.ZodType<Item>;
}

const kind = <Path extends Record<keyof Path, string>, Item extends Path & ScopeState>(spec: Kind<Path, Item>) => spec;
export const WORKSPACES = kind<WorkspacePath, WorkspacePath & ScopeState>({
  table: "workspaces",
  action: "workspace",
  path: ["workspace"],
  parent: null,
  item: z.object({ workspace: WorkspaceId, ...SCOPE_STATE }),
});
export const PROJECTS = kind<ProjectPath, ProjectPath & ScopeState>({
  table: "projects",
  action: "project",
  path: ["workspace", "project"],
  parent: "workspaces",
  item: z.object({ workspace: WorkspaceId, project: ProjectId, ...SCOPE_STATE }),
});
export const ENVIRONMENTS = kind<EnvironmentPath, EnvironmentPath & ScopeState>({
  table: "environments",
  action: "environment",
  path: ["workspace", "project", "environment"],
  parent: "projects",
  item: z.object({ workspace: WorkspaceId, project: ProjectId, environment: EnvironmentId, ...SCOPE_STATE }),
});

/** Serialises the changes of one tenant, so that outbox ids are in commit order; shows whether the tenant is there. */
const lockTenant = (tenant: TenantId): Statement => ({
  text: "select tenant_id from tenants where tenant_id = $1 for no key update",
  params: [tenant],
});

export function scopeRepository<Path extends Record<keyof Path, string>, Parent, Item extends Path & ScopeState>(
  { db, clock }: { db: ControlDb; clock: Clock },
  { table, action, path: members, parent, item }: Kind<Path, Item>,
): ScopeRepository<Path, Parent, Item> {
  const last = members.at(-1);
  if (last === undefined) throw new Error("a scope has a path");
  const columns = `${members.join(", ")}, ${SCOPE_COLUMNS}`;
  const values = (path: Path) => members.map((member) => path[member]);
  const matching = (names: readonly string[]) => names.map((name, n) => `${name} = $${n + 1}`).join(" and ") || "true";
  const parents = members.slice(0, -1);
  const find = (path: Path): Statement => ({
    text: `select ${columns} from ${table} where ${matching(members)}`,
    params: values(path),
  });
  const first = members.length + 1;
  /** The change and its outbox row are one statement: neither happens without the other. */
  const ledgered = (change: string, verb: string) => `with changed as (${change} returning ${columns}),
    queued as (insert into control_outbox (kind, action, attribution, detail, created_ms, next_ms)
      select 'data.changed', '${action}:${verb}', $${first}::jsonb,
        jsonb_build_object('resource', '${action}', ${members.map((m) => `'${m}', ${m}`).join(", ")}, 'status', status, 'version', version),
        $${first + 1}::bigint, $${first + 1}::bigint from changed)
    select * from changed`;
  const one = (rows: readonly Row[] | undefined): Item | null => (rows?.[0] === undefined ? null : item.parse(rows[0]));

  const change = (
    tenant: TenantId,
    path: Path,
    expected: number,
    by: Attribution,
    { verb, set, more, settled }: { verb: string; set: string; more: Statement["params"]; settled: boolean },
  ): Promise<Result<Item, UpdateRefusal>> =>
    orUnavailable<Item, UpdateRefusal>(async () => {
      const text = `update ${table} set ${set}, updated_ms = $${first + 1}::bigint, version = version + 1
        where ${matching(members)} and version = $${first + 2}::bigint and status = 'active'`;
      const params = [...values(path), { ...by }, clock.now(), expected, ...more];
      const answers = await db.withTenant(tenant, [
        lockTenant(tenant),
        find(path),
        { text: ledgered(text, verb), params },
      ]);
      const before = one(answers[1]);
      const after = one(answers[2]);
      if (after !== null) return ok(after);
      if (before === null) return err({ reason: "not_found" });
      if (before.status === "active") return err({ reason: "version_conflict", version: before.version });
      return settled ? ok(before) : err({ reason: "archived" });
    });

  return {
    create: (tenant, path, { name }, by) =>
      orUnavailable<Item, CreateRefusal>(async () => {
        // The parent is locked, so that nothing is created below one that is being archived.
        const above: Statement = parent
          ? {
              text: `select status from ${parent} where ${matching(parents)} for share`,
              params: values(path).slice(0, -1),
            }
          : { text: "select 'active' as status from tenants where tenant_id = $1", params: [tenant] };
        const source = parent ? `${parent} where ${matching(parents)} and status = 'active'` : "tenants";
        const text = `insert into ${table} (${members.join(", ")}, name, created_ms, updated_ms)
          select ${members.map((_, n) => `$${n + 1}`).join(", ")}, $${first + 2}, $${first + 1}::bigint, $${first + 1}::bigint
          from ${source} on conflict do nothing`;
        const params = [...values(path), { ...by }, clock.now(), name];
        const answers = await db.withTenant(tenant, [
          lockTenant(tenant),
          above,
          { text: ledgered(text, "create"), params },
        ]);
        const created = one(answers[2]);
        if (created !== null) return ok(created);
        const status = answers[1]?.[0]?.status;
        if (status === undefined) return err({ reason: "not_found" });
        return err({ reason: status === "active" ? "exists" : "archived" });
      }),
    get: (tenant, path) =>
      orUnavailable<Item, { reason: "not_found" }>(async () => {
        const found = one((await db.withTenant(tenant, [find(path)]))[0]);
        return found === null ? err({ reason: "not_found" }) : ok(found);
      }),
    list: (tenant, scope, page) =>
      orUnavailable(async () => {
        const n = parents.length;
        const text = `select ${columns} from ${table} where ${matching(parents)}
          and (created_ms, ${last}) > ($${n + 1}::bigint, $${n + 2}::text) order by created_ms, ${last} limit $${n + 3}::integer`;
        // safe because: `Parent` is the path without its last member.
        const above = parents.map((member) => (scope as unknown as Path)[member]);
        const params = [...above, page.after?.created_ms ?? -1, page.after?.id ?? "", rowsAsked(page)];
        const [rows = []] = await db.withTenant(tenant, [{ text, params }]);
        return ok(
          pageOf(
            rows,
            page,
            (row) => item.parse(row),
            (each) => ({ created_ms: each.created_ms, id: each[last] }),
          ),
        );
      }),
    update: (tenant, path, { name }, expected, by) =>
      change(tenant, path, expected, by, { verb: "update", set: `name = $${first + 3}`, more: [name], settled: false }),
    archive: (tenant, path, expected, by) =>
      change(tenant, path, expected, by, { verb: "archive", set: "status = 'archived'", more: [], settled: true }),
  };
}
