import { beforeAll, describe, expect, it } from "vitest";
import type { MigratableControlDb } from "../../functions/adapters/control-db/control-db.ts";
import { controlRepository } from "../../functions/adapters/control-db/repository.ts";
import { retention } from "../../functions/adapters/control-db/retention.ts";
import { TenantId, type UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { type ControlDb, ControlDbUnavailable, type Statement } from "../../shared/contracts/ports/control-db.ts";
import { tenantState } from "../support/identity.ts";
import { type ControlDbHarness, statement } from "./control-db.contract.ts";

const DAY_MS = 86_400_000;
const scopes = "workspace, project, environment";
const task = (
  text: string,
  ageDays: string,
): string => `insert into tasks (task_id, ${scopes}, subject, operation, phase,
    created_ms, cost_nusd, estimated, ledger_seq, event_seq, record)
  select ${text}, 'w', 'p', 'e', 's', 'chat', 'done', $1::bigint - ${ageDays} * ${DAY_MS}::bigint, 1, false, n, n, '{}'
  from generate_series(1, $2::integer) n`;
const decision = `insert into router_decisions (task_id, ${scopes}, route, lane, chosen_by, reasons, snapshot_digest,
    event_seq) select task_id, 'w', 'p', 'e', 'local', 'direct', 'ordered', '[]', 'd', event_seq from tasks`;
const activity = `insert into audit_activity (ledger_seq, at, kind, outcome, action, subject, credential, ${scopes},
    request_id, detail, event_seq)
  select n, to_timestamp($1::bigint / 1000.0) - (403 - n) * interval '1 day', 'k', 'success', 'a', 's', 'c', 'w', 'p', 'e',
    'r', '{}', n from generate_series(1, $2::integer) n`;
const bill = `insert into usage_billing (ledger_seq, task_id, entry, day, ${scopes}, estimated, requests, tokens_in,
    tokens_out, tokens_cached, cost_nusd, usage)
  values (1, 't', 'charge', '2001-01-01', 'w', 'p', 'e', false, 1, 1, 1, 0, 1, '[]')`;
const metrics = `insert into runtime_metrics (event_seq, from_ms, to_ms, metrics)
  select n, 0, $1::bigint - (403 - n) * ${DAY_MS}::bigint, '{}' from generate_series(1, $2::integer) n`;
const parked = `insert into parked_events (event_id, type, reason, event, parked_ms)
  select 'e' || n, 'unknown', 'r', '{}', $1::bigint - (403 - n) * ${DAY_MS}::bigint from generate_series(1, $2::integer) n`;
/** Of a task that is not here, written so many days ago. */
const lone = `insert into router_decisions (task_id, ${scopes}, route, lane, chosen_by, reasons, snapshot_digest, event_seq,
    projected_ms) select 'lone_' || n, 'w', 'p', 'e', 'local', 'direct', 'ordered', '[]', 'd', n,
    $1::bigint - (403 - n) * ${DAY_MS}::bigint from generate_series(1, $2::integer) n`;
/** Delivered so many days ago, or not yet. */
const outbox = `insert into control_outbox (kind, action, attribution, detail, created_ms, next_ms, delivered_ms)
  values ('data.changed', $2, '{}', '{}', 0, 9000000000000000, $1::bigint)`;

/** What the retention of the control database promises over every `ControlDb`. One tenant per test. */
export function controlRetentionContract(name: string, harness: ControlDbHarness): void {
  describe(`retention: ${name}`, () => {
    let db: MigratableControlDb;
    // The database holds the terms by its own clock.
    // safe because: milliseconds since the epoch
    let nowMs = Date.now() as UnixMs;
    const clock = { now: () => nowMs };
    let tenants = 0;
    async function newTenant(...statements: Statement[]): Promise<TenantId> {
      const tenant = TenantId.parse(`r${String(++tenants).padStart(3, "0")}`);
      await controlRepository({ db, clock }).registerTenant(tenantState(tenant));
      if (statements.length > 0) await db.withTenant(tenant, statements);
      return tenant;
    }
    const left = async (tenant: TenantId, table: string, column: string) =>
      ((await db.withTenant(tenant, [statement(`select ${column} as it from ${table} order by 1`)]))[0] ?? []).map(
        ({ it }) => it,
      );
    const count = async (tenant: TenantId, table: string) => (await left(tenant, table, "1")).length;
    async function wholeRound(over: ControlDb = db): Promise<void> {
      const prune = retention({ db: over, clock });
      for (let calls = 0; calls < 1_000; calls++) if (await prune()) return;
      throw new Error("the round never ends");
    }

    beforeAll(async () => {
      db = await harness.connect({ cell: "local" });
      await db.migrate();
    }, 180_000);

    it("forgets delivered rows of the outbox after a week, and never one that waits", async () => {
      const tenant = await newTenant(
        statement(outbox, nowMs - 7 * DAY_MS - 60_000, "old"),
        statement(outbox, nowMs - 7 * DAY_MS + 60_000, "young"),
        statement(outbox, null, "waiting"),
      );
      await wholeRound();
      expect(await left(tenant, "control_outbox", "action")).toEqual(["waiting", "young"]);
    });

    it("forgets tasks, their route decisions and activity after 400 days, and never a bill", async () => {
      const tenant = await newTenant(
        statement(task("'task_' || n", "(402 - n)"), nowMs, 3),
        statement(decision),
        statement(activity, nowMs, 4),
        statement(bill),
      );
      await wholeRound();
      // Of ages 401, 400 and 399 days, activity from 402 on.
      expect(await left(tenant, "tasks", "task_id")).toEqual(["task_2", "task_3"]);
      expect(await left(tenant, "router_decisions", "task_id")).toEqual(["task_2", "task_3"]);
      expect(await left(tenant, "audit_activity", "event_seq")).toEqual([3, 4]);
      expect(await count(tenant, "usage_billing")).toBe(1);
    });

    it("forgets metrics, parked events and decisions without a task after 400 days", async () => {
      // Of 402, 401, 400 and 399 days.
      const tenant = await newTenant(
        statement(metrics, nowMs, 4),
        statement(parked, nowMs, 4),
        statement(lone, nowMs, 4),
        statement(task("'task_' || n", "1"), nowMs, 1),
        statement(decision),
        statement("update router_decisions set projected_ms = 0 where task_id = 'task_1'"),
      );
      await wholeRound();
      expect(await left(tenant, "runtime_metrics", "event_seq")).toEqual([3, 4]);
      expect(await left(tenant, "parked_events", "event_id")).toEqual(["e3", "e4"]);
      expect(await left(tenant, "router_decisions", "task_id")).toEqual(["lone_3", "lone_4", "task_1"]);
    });

    it("deletes more than a visit's bound in further visits, so that no statement grows with the table", async () => {
      const most = LIMITS.retentionBatchMax * LIMITS.retentionBatchesMax;
      const tenant = await newTenant(statement(task("'task_' || n", "500"), nowMs, most + 1));
      const sizes: number[] = [];
      const watched: ControlDb = {
        ...db,
        async withTenant(of, statements) {
          const answers = await db.withTenant(of, statements);
          if (of === tenant) sizes.push(Number(answers[1]?.[0]?.deleted));
          return answers;
        },
      };
      await wholeRound(watched);
      expect(await count(tenant, "tasks")).toBe(0);
      expect(Math.max(...sizes)).toBe(LIMITS.retentionBatchMax);
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(most + 1);
    });

    it("visits every tenant however many there are, then rests for an hour", async () => {
      const old = statement(outbox, nowMs - 8 * DAY_MS, "old");
      const many: TenantId[] = [];
      for (let n = 0; n <= LIMITS.retentionTenantsMax; n++) many.push(await newTenant(old));
      let asked = 0;
      const watched: ControlDb = {
        ...db,
        asOperator(statements) {
          asked++;
          return db.asOperator(statements);
        },
      };
      const prune = retention({ db: watched, clock });
      while (!(await prune()));
      for (const tenant of many) expect(await count(tenant, "control_outbox")).toBe(0);
      const pages = asked;
      expect(pages).toBeGreaterThan(1);
      await prune();
      expect(asked).toBe(pages);
      // safe because: milliseconds since the epoch
      nowMs = (nowMs + LIMITS.retentionEveryMs) as UnixMs;
      await prune();
      expect(asked).toBe(pages + 1);
    });

    it("goes on with the next tenant after one that fails, and says so", async () => {
      const old = statement(outbox, nowMs - 8 * DAY_MS, "old");
      const [bad, good] = [await newTenant(old), await newTenant(old)];
      const failing: ControlDb = {
        ...db,
        withTenant: (tenant, statements) =>
          tenant === bad ? Promise.reject(new ControlDbUnavailable("gone")) : db.withTenant(tenant, statements),
      };
      const prune = retention({ db: failing, clock });
      const failures: unknown[] = [];
      for (let over = false; !over; )
        over = await prune().catch((cause: unknown) => {
          failures.push(cause);
          return false;
        });
      expect(failures).toEqual([expect.any(ControlDbUnavailable)]);
      expect([await count(bad, "control_outbox"), await count(good, "control_outbox")]).toEqual([1, 0]);
    });

    it("is held by the database: nothing younger is deleted, and no bill or key, even by a statement that tries", async () => {
      const tenant = await newTenant(
        statement(task("'task_' || n", "399"), nowMs, 1),
        statement(decision),
        statement(activity, nowMs, 4),
        statement(bill),
        statement(metrics, nowMs, 4),
        statement(parked, nowMs, 4),
        statement(lone, nowMs, 4),
        statement(outbox, nowMs - 6 * DAY_MS, "young"),
        statement(outbox, null, "waiting"),
      );
      for (const table of [
        "control_outbox",
        "router_decisions",
        "tasks",
        "audit_activity",
        "runtime_metrics",
        "parked_events",
      ])
        await db.withTenant(tenant, [statement(`delete from ${table}`)]);
      expect(await count(tenant, "control_outbox")).toBe(2);
      expect([await count(tenant, "tasks"), await count(tenant, "runtime_metrics")]).toEqual([1, 2]);
      expect(await left(tenant, "router_decisions", "task_id")).toEqual(["lone_3", "lone_4", "task_1"]);
      expect(await left(tenant, "parked_events", "event_id")).toEqual(["e3", "e4"]);
      // Of 402, 401, 400 and 399 days.
      expect(await left(tenant, "audit_activity", "event_seq")).toEqual([3, 4]);
      for (const table of ["usage_billing", "keys", "tenants", "workspaces"])
        await expect(db.withTenant(tenant, [statement(`delete from ${table}`)])).rejects.toMatchObject({
          constraint: "insufficient_privilege",
        });
    });
  });
}
