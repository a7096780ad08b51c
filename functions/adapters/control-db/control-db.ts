import { TenantId } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import {
  ConstraintViolation,
  type ControlDb,
  type Row,
  type Statement,
} from "../../../shared/contracts/ports/control-db.ts";
import { mapError } from "./errors.ts";
import { migrate, type SchemaMigration } from "./migrate.ts";
import { MIGRATIONS } from "./migrations/migrations.ts";
import { readiness } from "./readiness.ts";
import { type Executor, encode } from "./values.ts";

export interface ControlDbOptions {
  /** The cell of this database: every row carries it, and rows of another cell are refused. */
  cell: string;
  /** Roles that statements run as; the login role must be a member of both. */
  roles?: { app: string; operator: string };
}

/** A `ControlDb` that can also bring its schema up to date. */
export interface MigratableControlDb extends ControlDb {
  /** Applies what is missing as the login role, which then owns the tables. Any number of cells may call it at once. */
  migrate(migrations?: readonly SchemaMigration[]): Promise<number[]>;
}

const SETTINGS = `select set_config('statement_timeout', $1, true), set_config('lock_timeout', $2, true),
  set_config('search_path', 'bailiwick, pg_temp', true), set_config('bailiwick.cell', $3, true),
  set_config('bailiwick.tenant', $4, true)`;

/** Only a data statement may run for a tenant: one that ends the transaction or the role would end the isolation. */
const DATA_STATEMENT = /^\s*(?:select|insert|update|delete|with)\s/i;
const ESCAPES = /;|--|\/\*|set_config|\brole\b\s*(?:=|to)/i;

function assertDataStatement(text: string): void {
  if (!DATA_STATEMENT.test(text) || ESCAPES.test(text)) throw new TypeError("not a single data statement");
}

/** The port over any driver: role, tenant and limits are set inside each transaction, and errors have one meaning. */
export function controlDb(executor: Executor, options: ControlDbOptions): MigratableControlDb {
  const roles = options.roles ?? { app: "bailiwick_app", operator: "bailiwick_operator" };
  for (const role of [roles.app, roles.operator]) {
    if (!/^[a-z_][a-z0-9_]{0,62}$/.test(role)) throw new TypeError("not a role name");
  }
  const settings = (tenant: string): Statement => ({
    text: SETTINGS,
    params: [LIMITS.controlDbStatementMsMax, LIMITS.controlDbLockMsMax, options.cell, tenant],
  });
  const run = async (prefix: readonly Statement[], statements: readonly Statement[]): Promise<Row[][]> => {
    try {
      return (await executor.transaction([...prefix, ...statements].map(encode))).slice(prefix.length);
    } catch (error) {
      throw mapError(error);
    }
  };
  // safe because: role names were checked above; a role is an identifier and cannot be a parameter.
  const as = (role: string): Statement => ({ text: `set local role ${role}`, params: [] });
  const runAs = (role: string, tenant: string, statements: readonly Statement[]) => {
    for (const { text } of statements) assertDataStatement(text);
    return run([settings(tenant), as(role)], statements);
  };
  const asOwner = (statements: readonly Statement[]) => run([settings("")], statements);

  return {
    withTenant: async (tenant, statements) => {
      if (!TenantId.safeParse(tenant).success) throw new ConstraintViolation("tenant_id");
      return runAs(roles.app, tenant, statements);
    },
    asOperator: async (statements) => runAs(roles.operator, "", statements),
    ready: () => readiness((role, statements) => runAs(role, "", statements), roles),
    migrate: (migrations = MIGRATIONS) => migrate(asOwner, migrations),
    close: () => executor.close(),
  };
}
