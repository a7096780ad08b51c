import type { SchemaMigration } from "../migrate.ts";

// Roles belong to the whole cluster: another database, or a runner next to us, may have made them already.
const role = (name: string) => [
  `do $$ begin
    create role ${name} nologin nosuperuser nocreatedb nocreaterole noinherit noreplication nobypassrls;
  exception when duplicate_object or unique_violation then null; end $$`,
  // So that the login role may `set role`. Without the right to grant, a database administrator does it; readiness tells.
  `do $$ begin
    execute format('grant ${name} to %I', session_user);
  exception when insufficient_privilege then null; end $$`,
  `grant usage on schema bailiwick to ${name}`,
  `grant select on schema_migrations to ${name}`,
];

/** The roles that statements run as: `bailiwick_app` for one tenant, `bailiwick_operator` for the cell's directory. */
export const roles: SchemaMigration = {
  id: 1,
  name: "roles",
  statements: ["revoke all on schema bailiwick from public", ...role("bailiwick_app"), ...role("bailiwick_operator")],
};
