import type { SchemaMigration } from "../migrate.ts";
import { isolate, OWNERSHIP, operatorReads } from "./isolation.ts";

const SCOPE_NAME = "'^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'";
const LIFE = `
  name text not null check (length(name) between 1 and 128),
  status text not null default 'active' check (status in ('active', 'archived')),
  created_ms bigint not null check (created_ms >= 0),
  updated_ms bigint not null check (updated_ms >= 0),
  version bigint not null default 1 check (version >= 0)`;
const scope = (name: string) => `${name} text not null check (${name} ~ ${SCOPE_NAME})`;

/** tenant → workspace → project → environment; ids are names inside their parent. */
export const scopes: SchemaMigration = {
  id: 2,
  name: "scopes",
  statements: [
    `create table tenants (${OWNERSHIP}, ${LIFE},
      privacy text not null check (privacy in ('local-only', 'hybrid', 'allow-api')),
      content text not null check (content in ('none', 'store')),
      transit text not null check (transit in ('refused', 'allowed')),
      suspended boolean not null, locked boolean not null,
      primary key (tenant_id))`,
    "create index tenants_by_creation on tenants (created_ms, tenant_id)",
    `create table workspaces (${OWNERSHIP}, ${scope("workspace")}, ${LIFE},
      primary key (tenant_id, workspace), foreign key (tenant_id) references tenants)`,
    "create index workspaces_by_creation on workspaces (tenant_id, created_ms, workspace)",
    `create table projects (${OWNERSHIP}, workspace text not null, ${scope("project")}, ${LIFE},
      primary key (tenant_id, workspace, project), foreign key (tenant_id, workspace) references workspaces)`,
    "create index projects_by_creation on projects (tenant_id, workspace, created_ms, project)",
    `create table environments (${OWNERSHIP}, workspace text not null, project text not null, ${scope("environment")}, ${LIFE},
      primary key (tenant_id, workspace, project, environment),
      foreign key (tenant_id, workspace, project) references projects)`,
    "create index environments_by_creation on environments (tenant_id, workspace, project, created_ms, environment)",
    ...["tenants", "workspaces", "projects", "environments"].flatMap((table) =>
      isolate(table, "select, insert, update"),
    ),
    ...operatorReads(
      "tenants",
      "tenant_id, cell_id, name, status, created_ms, updated_ms, version, privacy, content, transit, suspended, locked",
    ),
    // One definition for everybody who makes a tenant row. Runs with the caller's rights, so isolation holds inside.
    `create function seed_default_scopes(now_ms bigint) returns void language sql volatile
      set search_path = bailiwick, pg_temp as $$
      insert into workspaces (workspace, name, created_ms, updated_ms) values ('default', 'Default', now_ms, now_ms)
        on conflict do nothing;
      insert into projects (workspace, project, name, created_ms, updated_ms)
        values ('default', 'default', 'Default', now_ms, now_ms) on conflict do nothing;
      insert into environments (workspace, project, environment, name, created_ms, updated_ms)
        values ('default', 'default', 'production', 'Production', now_ms, now_ms) on conflict do nothing;
    $$`,
    "revoke all on function seed_default_scopes from public",
    "grant execute on function seed_default_scopes to bailiwick_app",
  ],
};
