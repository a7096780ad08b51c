import type { Row, Statement } from "../../../shared/contracts/ports/control-db.ts";
import { MIGRATIONS } from "./migrations/migrations.ts";

/** Roles that could step outside row-level security, and tables that row-level security does not hold. */
const AUDIT: Statement = {
  text: `select r.rolsuper, r.rolbypassrls,
    (select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = 'bailiwick' and pg_has_role(r.oid, c.relowner, 'MEMBER')) as owned,
    (select count(*) from pg_roles m where (m.rolsuper or m.rolbypassrls) and pg_has_role(r.oid, m.oid, 'MEMBER')) as escapes,
    (select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
      join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
      where n.nspname = 'bailiwick' and c.relkind in ('r', 'p')
        and not (c.relrowsecurity and c.relforcerowsecurity)) as unprotected,
    (select max(id) from schema_migrations) as migration
  from pg_roles r where r.rolname = current_user`,
  params: [],
};

const verdict = (row: Row | undefined, role: string): string | null => {
  if (row === undefined) return `${role}: role not found`;
  if (row.rolsuper !== false) return `${role}: is a superuser`;
  if (row.rolbypassrls !== false) return `${role}: bypasses row-level security`;
  if (row.owned !== 0) return `${role}: owns tables, or is a member of their owner`;
  if (row.escapes !== 0) return `${role}: can become a role that bypasses row-level security`;
  if (row.unprotected !== 0) return "tables without forced row-level security";
  const newest = MIGRATIONS.at(-1)?.id ?? 0;
  return typeof row.migration === "number" && row.migration >= newest ? null : "migrations are pending";
};

/** Asks the database what the roles really are; never throws. A newer schema than this release knows is accepted. */
export async function readiness(
  runAs: (role: string, statements: readonly Statement[]) => Promise<Row[][]>,
  roles: { app: string; operator: string },
): Promise<{ ready: boolean; reason: string | null }> {
  for (const role of [roles.app, roles.operator]) {
    try {
      const [rows] = await runAs(role, [AUDIT]);
      const reason = verdict(rows?.[0], role);
      if (reason !== null) return { ready: false, reason };
    } catch (error) {
      return { ready: false, reason: error instanceof Error ? error.message : "unknown" };
    }
  }
  return { ready: true, reason: null };
}
