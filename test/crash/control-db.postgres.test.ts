import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { postgresControlDb } from "../../functions/adapters/control-db/postgres.ts";
import { controlRepository } from "../../functions/adapters/control-db/repository.ts";
import { TenantId, type UnixMs } from "../../shared/contracts/ids.ts";
import type { Attribution } from "../../shared/contracts/ledger.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { type ControlDb, ControlDbUnavailable } from "../../shared/contracts/ports/control-db.ts";
import { statement } from "../contract/control-db.contract.ts";
import { neonHarness, postgresBinaries, postgresHarness } from "../support/control-db.ts";
import { observed } from "./faults/observed.ts";

const park = (id: string) =>
  statement(
    "insert into parked_events (event_id, type, reason, event, parked_ms) values ($1, 'test', 'test', '{}'::jsonb, 0)",
    id,
  );
const parked = async (db: ControlDb, tenant: string) => {
  const [rows] = await db.withTenant(tenant, [statement("select event_id from parked_events order by event_id")]);
  return rows?.map((row) => row.event_id);
};
const by: Attribution = {
  ...{
    request: "req_1",
    subject: "someone",
    credential: "key:abc",
    acr: null,
    workspace: "default",
    project: "default",
  },
  ...{
    environment: "production",
    cell: "local",
    region: "local",
    source: null,
    release: "test",
    snapshot: "sha256:0",
    decision: null,
  },
  policy: null,
};
const bin = postgresBinaries();

describe.skipIf(bin === null)(
  "ControlDb over PostgreSQL, when things break (skipped: no PostgreSQL on this machine)",
  () => {
    let harness: Awaited<ReturnType<typeof postgresHarness>>;
    let db: Awaited<ReturnType<typeof harness.connect>>;
    /** Resolves with the server's process of the transaction that sleeps. */
    const sleeping = async (): Promise<number> => {
      for (;;) {
        const rows = await harness.postgres.sql("select pid from pg_stat_activity where query = 'select pg_sleep(4)'");
        if (rows[0] !== undefined) return Number(rows[0].pid);
      }
    };

    beforeAll(async () => {
      harness = await postgresHarness(bin ?? "");
      db = await harness.connect({ cell: "local" });
      await db.migrate();
    });
    afterAll(() => harness.stop(), 60_000);

    it("leaves nothing of a transaction whose connection drops, and serves the next call", async () => {
      const call = db.withTenant("dropped", [park("half"), statement("select pg_sleep(4)")]);
      const refused = expect(call).rejects.toBeInstanceOf(ControlDbUnavailable);
      await harness.postgres.sql(`select pg_terminate_backend(${await sleeping()})`);
      await refused;
      expect(await parked(db, "dropped")).toEqual([]);
    });

    it("leaves nothing of a transaction that the server's crash ends, keeps what was acknowledged, and recovers by itself", async () => {
      await db.withTenant("crashed", [park("kept")]);
      const call = db.withTenant("crashed", [park("half"), statement("select pg_sleep(4)")]);
      const refused = expect(call).rejects.toBeInstanceOf(ControlDbUnavailable);
      await sleeping();
      await harness.postgres.crash();
      await refused;
      await expect(db.withTenant("crashed", [park("down")])).rejects.toBeInstanceOf(ControlDbUnavailable);
      expect((await db.ready()).ready).toBe(false);
      await harness.postgres.start();
      expect(await parked(db, "crashed")).toEqual(["kept"]);
      expect(await db.ready()).toEqual({ ready: true, reason: null });
      observed(
        "postgres-cut",
        "PostgreSQL",
        "a transaction whose server crashed left nothing, what was acknowledged is there, the next call is served",
      );
    });

    it("ends a statement that takes too long, so a stuck query never holds its connection", async () => {
      const seconds = Math.ceil(LIMITS.controlDbStatementMsMax / 1_000) + 30;
      await expect(
        db.withTenant("slow", [park("half"), statement(`select pg_sleep(${seconds})`)]),
      ).rejects.toBeInstanceOf(ControlDbUnavailable);
      expect(await parked(db, "slow")).toEqual([]);
    });

    it("opens no more connections than it may however many callers come, so one cell never starves the others", async () => {
      const before = db;
      const calls = Array.from({ length: 40 }, () =>
        before.withTenant("crowd", [
          statement("select count(*) as n from pg_stat_activity where application_name = 'bailiwick'"),
          statement("select pg_sleep(0.01)"),
        ]),
      );
      const seen = (await Promise.all(calls)).map(([rows]) => Number(rows?.[0]?.n));
      expect(Math.max(...seen)).toBeLessThanOrEqual(LIMITS.controlDbConnectionsMax);
      expect(Math.max(...seen)).toBeGreaterThan(1);
    });

    it("makes the changes of one tenant wait for each other, so no outbox row becomes visible behind a later one", async () => {
      // safe because: a fixed instant in milliseconds
      const control = controlRepository({ db, clock: { now: () => 1_800_000_000_000 as UnixMs } });
      const tenant = TenantId.parse("ordered");
      await db.withTenant(tenant, [
        statement(`insert into tenants (name, created_ms, updated_ms, privacy, content, transit, suspended, locked)
        values ('Example', 0, 0, 'hybrid', 'none', 'refused', false, false)`),
      ]);
      const earlier = new pg.Client({ connectionString: harness.postgres.url("control") });
      await earlier.connect();
      let later: ReturnType<typeof control.workspaces.create>;
      try {
        await earlier.query("begin");
        await earlier.query("select 1 from bailiwick.tenants where tenant_id = 'ordered' for no key update");
        later = control.workspaces.create(tenant, { workspace: "later" }, { name: "Later" }, by);
        const waits = async () => {
          const blocked = "select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock'";
          while ((await harness.postgres.sql(blocked))[0]?.n === 0);
          return "waits";
        };
        expect(await Promise.race([later.then(() => "overtakes"), waits()])).toBe("waits");
        await earlier.query("commit");
      } finally {
        await earlier.end();
      }
      expect((await later).ok).toBe(true);
    });

    it("says that the database is unavailable when nobody listens, instead of waiting for ever", async () => {
      const nobody = postgresControlDb({ cell: "local", connectionString: "postgres://nobody@127.0.0.1:1/control" });
      await expect(nobody.withTenant("t1", [statement("select 1 as one")])).rejects.toBeInstanceOf(
        ControlDbUnavailable,
      );
      await nobody.close();
    });
  },
);

describe.skipIf(bin === null)(
  "ControlDb over Neon's HTTP, when things break (skipped: no PostgreSQL on this machine)",
  () => {
    let harness: Awaited<ReturnType<typeof neonHarness>>;
    let db: Awaited<ReturnType<typeof harness.connect>>;
    beforeAll(async () => {
      harness = await neonHarness(bin ?? "");
      db = await harness.connect({ cell: "local" });
      await db.migrate();
    });
    afterAll(() => harness.stop(), 60_000);

    it("needs one request a call, so a transaction never spans two", async () => {
      const before = harness.proxy.requests();
      await db.withTenant("one", [park("a"), park("b"), statement("select 1 as one")]);
      expect(harness.proxy.requests() - before).toBe(1);
    });

    it("leaves nothing of a transaction whose connection drops, and serves the next call", async () => {
      harness.proxy.cutBeforeCommit(true);
      await expect(db.withTenant("cut", [park("half")])).rejects.toBeInstanceOf(ControlDbUnavailable);
      harness.proxy.cutBeforeCommit(false);
      expect(await parked(db, "cut")).toEqual([]);
    });

    it("says that the database is unavailable when the server behind the endpoint is gone", async () => {
      await harness.postgres.crash();
      await expect(db.withTenant("gone", [park("half")])).rejects.toBeInstanceOf(ControlDbUnavailable);
      await harness.postgres.start();
      expect(await parked(db, "gone")).toEqual([]);
    });
  },
);
