import type { TenantId } from "../../../shared/contracts/ids.ts";
import {
  type ControlDb,
  ControlDbUnavailable,
  type Row,
  type Statement,
} from "../../../shared/contracts/ports/control-db.ts";

/** Rows of a tenant's scopes, as they stand in the registry of one cell and go into that of another. */
export interface ScopeRows {
  workspaces: Record<string, string | number>[];
  projects: Record<string, string | number>[];
  environments: Record<string, string | number>[];
}

const STATE = ["name", "status", "created_ms", "updated_ms", "version"] as const;
const COLUMNS = {
  workspaces: ["workspace", ...STATE],
  projects: ["workspace", "project", ...STATE],
  environments: ["workspace", "project", "environment", ...STATE],
} as const;
const TABLES = ["workspaces", "projects", "environments"] as const;
const KEYS = { workspaces: 1, projects: 2, environments: 3 } as const;
const NUMBERS: ReadonlySet<string> = new Set(["created_ms", "updated_ms", "version"]);

const plain = (columns: readonly string[], row: Row): Record<string, string | number> =>
  Object.fromEntries(columns.map((name) => [name, NUMBERS.has(name) ? Number(row[name]) : String(row[name])]));

async function orNull<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (cause) {
    if (cause instanceof ControlDbUnavailable) return null;
    throw cause;
  }
}

/** A tenant's scopes in the registry, for its move to another cell. Null or false: the database does not answer. */
export const movedScopes = (db: Pick<ControlDb, "withTenant">) => ({
  /** `pending`: changes that the tenant's ledger was not told of yet. */
  async read(tenant: TenantId): Promise<{ scopes: ScopeRows; pending: number } | null> {
    const answers = await orNull(
      db.withTenant(tenant, [
        ...TABLES.map(
          (table): Statement => ({ text: `select ${COLUMNS[table].join(", ")} from ${table}`, params: [] }),
        ),
        { text: "select count(*)::integer as pending from control_outbox where delivered_ms is null", params: [] },
      ]),
    );
    if (answers === null) return null;
    const [workspaces = [], projects = [], environments = [], outbox = []] = answers;
    const scopes = {
      workspaces: workspaces.map((row) => plain(COLUMNS.workspaces, row)),
      projects: projects.map((row) => plain(COLUMNS.projects, row)),
      environments: environments.map((row) => plain(COLUMNS.environments, row)),
    };
    return { scopes, pending: Number(outbox[0]?.pending ?? 0) };
  },

  /** One transaction; rows that are there become what they were at the old home. The tenant's own row is older than any that is mirrored. */
  async restore(tenant: TenantId, scopes: ScopeRows): Promise<boolean> {
    const own: Statement = {
      text: `insert into tenants (name, created_ms, updated_ms, version, privacy, content, transit, suspended, locked)
        values ($1, $2, $2, 0, 'local-only', 'none', 'refused', true, false) on conflict do nothing`,
      params: [tenant, Math.min(...scopes.workspaces.map((row) => Number(row.created_ms)), Number.MAX_SAFE_INTEGER)],
    };
    const statements = TABLES.flatMap((table) =>
      scopes[table].map((row): Statement => {
        const columns = COLUMNS[table];
        const key = columns.slice(0, KEYS[table]);
        const casts = columns.map((name, n) => `$${n + 1}${NUMBERS.has(name) ? "::bigint" : ""}`);
        return {
          text: `insert into ${table} (${columns.join(", ")}) values (${casts.join(", ")})
            on conflict (tenant_id, ${key.join(", ")}) do update set ${STATE.map((name) => `${name} = excluded.${name}`).join(", ")}`,
          params: columns.map((name) => row[name] ?? null),
        };
      }),
    );
    return (await orNull(db.withTenant(tenant, [own, ...statements]))) !== null;
  },
});
