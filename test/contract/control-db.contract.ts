import { beforeAll, describe, expect, it } from "vitest";
import type { MigratableControlDb } from "../../functions/adapters/control-db/control-db.ts";
import { MigrationRefused, type SchemaMigration } from "../../functions/adapters/control-db/migrate.ts";
import { MIGRATIONS } from "../../functions/adapters/control-db/migrations/migrations.ts";
import {
  ConstraintViolation,
  ControlDbUnavailable,
  type Row,
  type Statement,
} from "../../shared/contracts/ports/control-db.ts";
import { ROWS } from "./control-db.rows.ts";

/** How the suite reaches one adapter's database. `connect` closes what it answered before, if only one may be open. */
export interface ControlDbHarness {
  connect(options: { cell: string; roles?: { app: string; operator: string } }): Promise<MigratableControlDb>;
  /** Statements of one transaction with every right; the login role of `connect` is `login`. */
  admin(statements: readonly string[]): Promise<void>;
  login: string;
  stop(): Promise<void>;
}

export const statement = (text: string, ...params: Statement["params"]): Statement => ({ text, params });
const insert = (table: string, columns: Record<string, Statement["params"][number]>): Statement => {
  const names = Object.keys(columns);
  const values = names.map((_, n) => `$${n + 1}`).join(", ");
  return statement(`insert into ${table} (${names.join(", ")}) values (${values})`, ...Object.values(columns));
};
const step = (id: number, ...statements: string[]): SchemaMigration => ({ id, name: `step-${id}`, statements });

/** What every `ControlDb` promises. One database for the whole suite, one tenant per test. */
export function controlDbContract(name: string, harness: ControlDbHarness): void {
  describe(`ControlDb: ${name}`, () => {
    let db: MigratableControlDb;
    const rows = async (tenant: string, ...statements: Statement[]): Promise<Row[]> =>
      (await db.withTenant(tenant, statements)).at(-1) ?? [];
    const count = async (tenant: string, table: string) =>
      (await rows(tenant, statement(`select count(*) as n from ${table}`)))[0]?.n;

    beforeAll(async () => {
      db = await harness.connect({ cell: "local" });
      await db.ready();
    }, 180_000);

    it("is not ready before its schema is there, so no traffic meets a missing table", async () => {
      expect((await db.ready()).ready).toBe(false);
      await expect(db.withTenant("t1", [statement("select 1 as one")])).rejects.toBeInstanceOf(ControlDbUnavailable);
    });

    it("migrates once however many runners start together, so no step is applied twice", async () => {
      const applied = await Promise.all([db.migrate(), db.migrate(), db.migrate()]);
      expect(applied.flat().sort((a, b) => a - b)).toEqual(MIGRATIONS.map(({ id }) => id));
      expect(await db.migrate()).toEqual([]);
      expect(await db.ready()).toEqual({ ready: true, reason: null });
    });

    it("refuses an edited migration, so a schema never differs from what its history says", async () => {
      const [first, ...rest] = MIGRATIONS;
      const edited = { ...step(1, "select 1"), name: first?.name ?? "" };
      await expect(db.migrate([edited, ...rest])).rejects.toBeInstanceOf(MigrationRefused);
    });

    it("undoes a migration that fails half-way, so a repaired release can run it again", async () => {
      const broken = [...MIGRATIONS, step(100, "create table half (n integer)", "create table half (n integer)")];
      await expect(db.migrate(broken)).rejects.toThrow();
      expect(await db.migrate([...MIGRATIONS, step(100, "select 1")])).toEqual([100]);
      const left = await rows("t1", statement("select count(*) as n from pg_class where relname = $1", "half"));
      expect(left).toEqual([{ n: 0 }]);
    });

    it("refuses to fill a gap below an applied step, so steps are only ever applied in order", async () => {
      const late = [...MIGRATIONS, step(99, "select 1"), step(100, "select 1")];
      await expect(db.migrate(late)).rejects.toBeInstanceOf(MigrationRefused);
    });

    it("keeps the owner's rights from tenants' statements: role, tenant and cell are those of the call", async () => {
      const [row] = await rows(
        "t2",
        statement(
          "select current_user::text as role, current_setting('bailiwick.tenant') as tenant, current_setting('bailiwick.cell') as cell",
        ),
      );
      expect(row).toEqual({ role: "bailiwick_app", tenant: "t2", cell: "local" });
    });

    it("answers the same JSON values as every other adapter, so amounts and dates never change with the driver", async () => {
      const text = `select $1::bigint as amount, $2::jsonb as doc, $3::boolean as yes, $4::date as day, $5::text as nothing,
        $6::text as text, 9007199254740993 as large, sum(v.n) as total, count(*) as n, $7::bytea as bytes, 0.5::float8 as half
        from (values (4000000000000000), (5)) as v(n)`;
      const doc = { list: [1, "zwei", null], ключ: true };
      const given = [
        9_000_000_000_000_000,
        doc,
        false,
        "2026-02-28",
        null,
        'it\'s; a "test" \\ ünïcode 🧭',
        new Uint8Array([0, 255]),
      ];
      expect(await rows("t3", statement(text, ...given))).toEqual([
        {
          amount: 9_000_000_000_000_000,
          doc,
          yes: false,
          day: "2026-02-28",
          nothing: null,
          text: given[5],
          large: "9007199254740993",
          total: 4_000_000_000_000_005,
          n: 2,
          bytes: "\\x00ff",
          half: 0.5,
        },
      ]);
    });

    it("answers the rows of each statement in order, empty ones included", async () => {
      const answers = await db.withTenant("t4", [
        statement("select 1 as a"),
        statement("select 2 as b where false"),
        statement("select 3 as c"),
      ]);
      expect(answers).toEqual([[{ a: 1 }], [], [{ c: 3 }]]);
    });

    it("leaves nothing of a call whose last statement is refused, so no change is half made", async () => {
      const task = ROWS.parked_events;
      const refused = db.withTenant("t5", [insert("parked_events", task), insert("parked_events", task)]);
      await expect(refused).rejects.toMatchObject({ name: "ConstraintViolation", constraint: "parked_events_pkey" });
      expect(await count("t5", "parked_events")).toBe(0);
    });

    it.each([
      ["a broken check", insert("usage_billing", { ...ROWS.usage_billing, requests: 2 })],
      ["a missing parent", insert("projects", { ...ROWS.projects, workspace: "nowhere" })],
      ["text that Postgres cannot hold", statement("select $1::jsonb as doc", '{"a":"\\u0000"}')],
      ["a number out of range", statement("select $1::integer as n", 1e12)],
    ])("names %s as the data's fault, so it is not retried for ever", async (_, refused) => {
      await expect(db.withTenant("t6", [refused])).rejects.toBeInstanceOf(ConstraintViolation);
    });

    it("does not call a malformed statement an outage, so a bug is not hidden behind retries", async () => {
      const failure: unknown = await db.withTenant("t7", [statement("select from where")]).catch((error) => error);
      expect(failure).toBeInstanceOf(Error);
      expect(failure).not.toBeInstanceOf(ControlDbUnavailable);
      expect(failure).not.toBeInstanceOf(ConstraintViolation);
    });

    it("runs parallel calls of one tenant without losing an update", async () => {
      await db.withTenant("t8", [insert("tenants", ROWS.tenants)]);
      const bump = statement("update tenants set version = version + 1 where tenant_id = $1", "t8");
      await Promise.all(Array.from({ length: 20 }, () => db.withTenant("t8", [bump])));
      expect(await rows("t8", statement("select version from tenants"))).toEqual([{ version: 21 }]);
    });

    describe("isolation", () => {
      const victim = "victim";
      const thief = "thief";
      const tables = Object.keys(ROWS);

      beforeAll(async () => {
        for (const tenant of [victim, thief]) {
          // safe because: `tables` are the keys of `ROWS`, in an order in which parents come first.
          await db.withTenant(
            tenant,
            tables.map((table) => insert(table, ROWS[table as keyof typeof ROWS])),
          );
        }
      });

      it("covers every table of the schema, so a new one is not forgotten here", async () => {
        const found = await rows(
          thief,
          statement("select table_name::text as name from information_schema.tables where table_schema = 'bailiwick'"),
        );
        expect(found.map((row) => row.name).sort()).toEqual([...tables, "schema_migrations"].sort());
      });

      it("carries tenant and cell in every row, so no byte's home is unknown", async () => {
        const found = await rows(
          thief,
          statement(`select table_name::text as name, count(*) as n from information_schema.columns
            where table_schema = 'bailiwick' and column_name in ('tenant_id', 'cell_id') and is_nullable = 'NO' group by 1`),
        );
        expect(Object.fromEntries(found.map((row) => [row.name, row.n]))).toEqual(
          Object.fromEntries(tables.map((table) => [table, 2])),
        );
      });

      it.each(tables)("%s: shows a tenant its own rows alone", async (table) => {
        const visible = await rows(thief, statement(`select distinct tenant_id from ${table}`));
        expect(visible).toEqual([{ tenant_id: thief }]);
      });

      it.each(tables)("%s: refuses a row in another tenant's name", async (table) => {
        // safe because: `table` is a key of `ROWS`
        const row = { ...ROWS[table as keyof typeof ROWS], tenant_id: victim };
        await expect(db.withTenant(thief, [insert(table, row)])).rejects.toMatchObject({
          name: "ConstraintViolation",
          constraint: "insufficient_privilege",
        });
      });

      it.each(tables)("%s: refuses a row of another cell, so data stays where its tenant lives", async (table) => {
        // safe because: `table` is a key of `ROWS`
        const row = { ...ROWS[table as keyof typeof ROWS], cell_id: "eu1" };
        await expect(db.withTenant("elsewhere", [insert(table, row)])).rejects.toMatchObject({
          constraint: "insufficient_privilege",
        });
      });

      it.each(tables)("%s: neither changes, gives away nor deletes another tenant's rows", async (table) => {
        const attempts = [
          `update ${table} set cell_id = cell_id where tenant_id = $1 returning tenant_id`,
          `update ${table} set tenant_id = $1 returning tenant_id`,
          `delete from ${table} where tenant_id = $1 returning tenant_id`,
        ];
        for (const attempt of attempts) {
          const touched = await rows(thief, statement(attempt, victim)).catch((error: unknown) => {
            if (error instanceof ConstraintViolation) return [];
            throw error;
          });
          expect(touched).toEqual([]);
        }
        expect(await count(victim, table)).toBe(1);
        expect(await count(thief, table)).toBe(1);
      });

      it("shows the operator the directory only, so operating a cell is not reading its tenants", async () => {
        const allowed = await db.asOperator([statement("select tenant_id from tenants where tenant_id = $1", victim)]);
        expect(allowed).toEqual([[{ tenant_id: victim }]]);
        for (const table of tables.filter((each) => !["tenants", "control_outbox", "parked_events"].includes(each))) {
          await expect(db.asOperator([statement(`select tenant_id from ${table}`)])).rejects.toBeInstanceOf(
            ConstraintViolation,
          );
        }
        for (const column of ["detail", "attribution"]) {
          await expect(db.asOperator([statement(`select ${column} from control_outbox`)])).rejects.toBeInstanceOf(
            ConstraintViolation,
          );
        }
        await expect(
          db.asOperator([statement("update tenants set suspended = true where tenant_id = $1", victim)]),
        ).rejects.toBeInstanceOf(ConstraintViolation);
      });

      it.each(["victim'; reset role; --", "", "a b", "victim\u0000", "x".repeat(33), "$1"])(
        "refuses %j as a tenant, so no name becomes SQL",
        async (tenant) => {
          await expect(db.withTenant(tenant, [statement("select 1 as one")])).rejects.toBeInstanceOf(
            ConstraintViolation,
          );
        },
      );

      it.each([
        "select set_config('bailiwick.tenant', 'victim', true)",
        "select SET_CONFIG('bailiwick.tenant', $1, true)",
        "set local bailiwick.tenant = 'victim'",
        "reset role",
        "commit",
        "select 1; set role postgres",
        "/* */ set role postgres",
        "do $$ begin perform 1; end $$",
      ])("refuses the statement %j, so a call cannot leave its role or tenant", async (text) => {
        await expect(db.withTenant(thief, [statement(text)])).rejects.toThrow();
        await expect(db.asOperator([statement(text)])).rejects.toThrow();
      });

      it("takes parameters as values, so text that looks like SQL stays text", async () => {
        const text = "'); select set_config('bailiwick.tenant', 'victim', true); --";
        const [row] = await rows(
          thief,
          statement("select $1::text as echo, count(*) as n from tasks where task_id <> $1", text),
        );
        expect(row).toEqual({ echo: text, n: 1 });
      });

      it("forgets the tenant after the call, so a pooled connection shows the next caller nothing", async () => {
        await count(victim, "tasks");
        const [after] = await db.asOperator([statement("select current_setting('bailiwick.tenant', true) as tenant")]);
        expect(after).toEqual([{ tenant: "" }]);
      });
    });

    describe("readiness", () => {
      const operator = "bailiwick_operator";
      const roles = [
        ["a superuser", "session_superuser", /superuser|bypass|become|not answer/],
        ["a role that bypasses row-level security", "bad_bypass", /bypasses/],
        ["the owner of a table", "bad_owner", /owns/],
        ["a member of the owner", "bad_member", /owns/],
        ["a role that is not there", "bad_missing", /not answer/],
      ] as const;

      beforeAll(async () => {
        const made = ["bad_bypass bypassrls", "bad_owner", "bad_member", "session_superuser superuser"].map(
          (role) => `create role ${role}`,
        );
        const may = ["bad_bypass", "bad_owner", "bad_member", "session_superuser"].flatMap((role) => [
          `grant usage on schema bailiwick to ${role}`,
          `grant select on bailiwick.schema_migrations to ${role}`,
          `grant ${role} to ${harness.login}`,
        ]);
        await harness.admin([
          ...made,
          ...may,
          "grant create on schema bailiwick to bad_owner",
          "grant bad_owner to bad_member",
        ]);
        await harness.admin(["set local role bad_owner", "create table bailiwick.planted (tenant_id text)"]);
      });

      it.each(roles)(
        "refuses %s as the role of tenants' statements",
        async (_, app, reason) => {
          db = await harness.connect({ cell: "local", roles: { app, operator } });
          const answer = await db.ready();
          expect(answer.ready).toBe(false);
          expect(answer.reason).toMatch(reason);
        },
        60_000,
      );

      it("refuses a table without forced row-level security, so an unprotected one is never served", async () => {
        db = await harness.connect({ cell: "local" });
        expect(await db.ready()).toEqual({ ready: false, reason: "tables without forced row-level security" });
        await harness.admin(["drop table bailiwick.planted"]);
        expect(await db.ready()).toEqual({ ready: true, reason: null });
      }, 60_000);
    });
  });
}
