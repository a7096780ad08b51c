import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import type { MigratableControlDb } from "../../functions/adapters/control-db/control-db.ts";
import { controlRepository } from "../../functions/adapters/control-db/repository.ts";
import { controlDbEventSink } from "../../functions/adapters/event-sink/control-db.ts";
import type { AuditActivityV1 } from "../../shared/contracts/events/audit-activity.ts";
import type { RouterDecisionV1 } from "../../shared/contracts/events/router-decisions.ts";
import type { BillingRow, TaskLifecycleV1 } from "../../shared/contracts/events/task-lifecycle.ts";
import { TenantId, type UnixMs } from "../../shared/contracts/ids.ts";
import type { JsonObject } from "../../shared/contracts/json.ts";
import type { Row } from "../../shared/contracts/ports/control-db.ts";
import type { EventSink } from "../../shared/contracts/ports/event-sink.ts";
import type { OutboxRow } from "../../shared/contracts/ports/tenant-store.ts";
import { observed } from "../crash/faults/observed.ts";
import { type ControlDbHarness, statement } from "./control-db.contract.ts";

const scopes = { workspace: "default", project: "default", environment: "production" };
const route: RouterDecisionV1["route"] = {
  route: "api",
  lane: "direct",
  chosen_by: "ordered",
  provider: "openai",
  model: "gpt-x",
  model_digest: null,
  reasons: [{ candidate: "openai:gpt-x", outcome: "chosen", reason: "first" }],
};

const row = (seq: number, type: string, data: JsonObject): OutboxRow => ({
  seq,
  type,
  subject: "subject",
  // safe because: a fixed instant in milliseconds
  at_ms: 1_800_000_000_000 as UnixMs,
  data,
});

function task(
  seq: number,
  id: string,
  event: TaskLifecycleV1["event"],
  billing: Partial<BillingRow> | null,
): OutboxRow {
  const done = event !== "opened";
  const data: TaskLifecycleV1 = {
    schema_version: 1,
    event,
    ledger_seq: seq,
    key: "AbCdEf123456",
    task: {
      ...{ id, operation: "chat.completions.create", intent: null, model: "fast", ...scopes, subject: "someone" },
      ...{
        status: done ? "OK" : null,
        phase: done ? "done" : "running",
        created_ms: 1_000,
        finished_ms: done ? 2_000 : null,
      },
      ...{ route: done ? route : null, usage: [], cost_nusd: billing?.cost_nusd ?? 0, estimated: false, error: null },
      decision: null,
    },
    billing: billing && {
      ...{
        ledger_seq: seq,
        entry: "charge",
        day: "2026-03-01",
        requests: 1,
        usage: [],
        cost_nusd: 0,
        estimated: false,
      },
      ...{ ...scopes, key: "AbCdEf123456", model: "fast", provider: "openai", route: "api", lane: "direct" },
      ...billing,
    },
  };
  return row(seq, "bailiwick.tasks.lifecycle.v1", data);
}

function audit(seq: number, changed: Partial<AuditActivityV1>): OutboxRow {
  const data: AuditActivityV1 = {
    ...{ schema_version: 1, ledger_seq: seq, at: "2026-03-01T10:00:00.000Z", kind: "data.changed", outcome: "success" },
    ...{ action: "keys:create", subject: "someone", credential: "key:x", ...scopes, request: "req_1", task: null },
    ...{ decision: null, detail: {}, key: null, tenant: null },
    ...changed,
  };
  return row(seq, "bailiwick.audit.activity.v1", data);
}

/** What the sink promises over every `ControlDb`. One tenant per test. */
export function eventSinkContract(name: string, harness: ControlDbHarness): void {
  describe(`EventSink: ${name}`, () => {
    let db: MigratableControlDb;
    let sink: EventSink;
    // safe because: a fixed instant in milliseconds
    let nowMs = 1_800_000_000_000 as UnixMs;
    const clock = { now: () => nowMs };
    let tenants = 0;
    const newTenant = () => {
      tenants += 1;
      return TenantId.parse(`e${tenants}`);
    };
    const select = async (tenant: string, text: string): Promise<Row[]> =>
      (await db.withTenant(tenant, [statement(text)]))[0] ?? [];
    const sums = async (tenant: TenantId) => {
      const result = await controlRepository({ db, clock }).sqlUsage(tenant, "2026-03-01", "2026-04-01");
      return result.ok ? result.value : null;
    };
    const parked = (tenant: string) =>
      select(tenant, "select event_id, type, reason, event from parked_events order by event_id");

    beforeAll(async () => {
      db = await harness.connect({ cell: "local" });
      await db.migrate();
      sink = controlDbEventSink({ db, cell: "local", clock });
    }, 180_000);

    it("shows a task as its last event left it, with the route that was taken", async () => {
      const tenant = newTenant();
      await sink.deliver(tenant, [task(1, "task_a", "opened", null), task(2, "task_a", "closed", { cost_nusd: 70 })]);
      expect(
        await select(tenant, "select task_id, status, phase, provider, route, cost_nusd, key_id, cell_id from tasks"),
      ).toEqual([
        {
          task_id: "task_a",
          status: "OK",
          phase: "done",
          provider: "openai",
          route: "api",
          cost_nusd: 70,
          key_id: "AbCdEf123456",
          cell_id: "local",
        },
      ]);
    });

    it("bills a redelivered settlement once, so a crash between delivery and mark costs the tenant nothing", async () => {
      const tenant = newTenant();
      const usage: BillingRow["usage"] = [
        { meter: "tokens_in", quantity: 10 },
        { meter: "tokens_out", quantity: 20 },
        { meter: "tokens_cached", quantity: 3 },
      ];
      const batch = [
        task(1, "task_a", "closed", { cost_nusd: 70, usage }),
        task(2, "task_b", "closed", { cost_nusd: 30 }),
      ];
      await sink.deliver(tenant, batch);
      await Promise.all([
        sink.deliver(tenant, batch),
        sink.deliver(tenant, batch.slice(1)),
        sink.deliver(tenant, batch),
      ]);
      expect(await sums(tenant)).toEqual({
        requests: 2,
        tokens_in: 10,
        tokens_out: 20,
        tokens_cached: 3,
        cost_nusd: 100,
      });
    });

    it("adds a correction to what was charged, so the bill ends at what really happened", async () => {
      const tenant = newTenant();
      const usage: BillingRow["usage"] = [{ meter: "tokens_out", quantity: -5 }];
      await sink.deliver(tenant, [
        task(1, "task_a", "abandoned", {
          cost_nusd: 100,
          estimated: true,
          usage: [{ meter: "tokens_out", quantity: 50 }],
        }),
        task(2, "task_a", "corrected", { entry: "correction", requests: 0, cost_nusd: -40, usage }),
      ]);
      expect(await sums(tenant)).toMatchObject({ requests: 1, tokens_out: 45, cost_nusd: 60 });
    });

    it("does not let an old event overwrite a newer one, so a finished task never runs again on screen", async () => {
      const tenant = newTenant();
      await sink.deliver(tenant, [task(2, "task_a", "closed", { cost_nusd: 1 })]);
      await sink.deliver(tenant, [task(1, "task_a", "opened", null)]);
      expect(await select(tenant, "select phase from tasks")).toEqual([{ phase: "done" }]);
    });

    it("sums to what was sent however deliveries are cut and repeated (SQL sum = sum of the events)", async () => {
      const charges = fc.array(fc.integer({ min: -1_000_000, max: 1_000_000_000 }), { minLength: 1, maxLength: 30 });
      const cuts = fc.array(fc.tuple(fc.nat(29), fc.nat(29)), { maxLength: 6 });
      await fc.assert(
        fc.asyncProperty(charges, cuts, async (costs, slices) => {
          const tenant = newTenant();
          const rows = costs.map((cost, n) => task(n + 1, `task_${n % 7}`, "closed", { cost_nusd: cost }));
          for (const [from, to] of slices)
            await sink.deliver(tenant, rows.slice(Math.min(from, to), Math.max(from, to)));
          await sink.deliver(tenant, rows);
          const total = costs.reduce((sum, cost) => sum + cost, 0);
          expect(await sums(tenant)).toMatchObject({ requests: costs.length, cost_nusd: total });
        }),
        { numRuns: 15, seed: 42 },
      );
      observed("events-doubled", name, "deliveries cut and repeated at random: the SQL sum is the sum of the events");
    });

    it("parks an unknown type and unreadable data whole, so an upgrade can still read them", async () => {
      const tenant = newTenant();
      const future = row(1, "bailiwick.tasks.lifecycle.v2", { schema_version: 2, novel: ["kept", 1] });
      const broken = row(2, "bailiwick.tasks.lifecycle.v1", { schema_version: 9 });
      const batch = [future, broken, task(3, "task_a", "closed", { cost_nusd: 5 })];
      await sink.deliver(tenant, batch);
      await sink.deliver(tenant, batch);
      const rows = await parked(tenant);
      expect(rows.map(({ event_id, type }) => [event_id, type])).toEqual([
        [`${tenant}:1`, future.type],
        [`${tenant}:2`, broken.type],
      ]);
      expect(rows[0]).toMatchObject({
        reason: "unknown_type",
        event: { data: future.data, source: `/cells/local/tenants/${tenant}` },
      });
      expect(rows[1]?.reason).toMatch(/^invalid_data: /);
      expect(await sums(tenant)).toMatchObject({ requests: 1, cost_nusd: 5 });
    });

    it("parks the one event that the database refuses, so it holds up no other", async () => {
      const tenant = newTenant();
      const refused = task(2, "task_b", "closed", null);
      const half = { ...refused, data: { ...refused.data, ledger_seq: 2 ** 53 - 1 } };
      const bad: OutboxRow = {
        ...half,
        data: { ...half.data, task: { ...Object(refused.data.task), cost_nusd: 0.5 } },
      };
      await sink.deliver(tenant, [
        task(1, "task_a", "closed", { cost_nusd: 1 }),
        bad,
        task(3, "task_c", "closed", { cost_nusd: 2 }),
      ]);
      expect((await select(tenant, "select task_id from tasks order by task_id")).map((each) => each.task_id)).toEqual([
        "task_a",
        "task_c",
      ]);
      expect(await parked(tenant)).toMatchObject([
        { event_id: `${tenant}:2`, reason: expect.stringMatching(/^refused: /) },
      ]);
      expect(await sums(tenant)).toMatchObject({ requests: 2, cost_nusd: 3 });
    });

    it("stores text that Postgres cannot hold with a replacement, so one character never stops a tenant's events", async () => {
      const tenant = newTenant();
      await sink.deliver(tenant, [audit(1, { detail: { note: "a\u0000b\ud800c" }, subject: "so\u0000me" })]);
      expect(await select(tenant, "select subject, detail from audit_activity")).toEqual([
        { subject: "so\ufffdme", detail: { note: "a\ufffdb\ufffdc" } },
      ]);
    });

    it("keeps a directory of keys at their latest state, without any digest", async () => {
      const tenant = newTenant();
      const key: NonNullable<AuditActivityV1["key"]> = {
        ...{
          kid: "AbCdEf123456",
          name: "First",
          ...scopes,
          subject: "key:AbCdEf123456",
          kind: "service",
          roles: ["developer"],
        },
        ...{ granted: ["*"], created_ms: 1_000, expires_ms: null, revoked_ms: null, rotated_to: null, version: 1 },
      };
      await sink.deliver(tenant, [
        audit(1, { kind: "key.created", key }),
        audit(2, { kind: "key.revoked", key: { ...key, revoked_ms: 5_000, version: 2 } }),
      ]);
      expect(await select(tenant, "select key_id, revoked_ms, version, roles from keys")).toEqual([
        { key_id: key.kid, revoked_ms: 5_000, version: 2, roles: ["developer"] },
      ]);
      expect(await select(tenant, "select kind from audit_activity order by event_seq")).toEqual([
        { kind: "key.created" },
        { kind: "key.revoked" },
      ]);
    });

    it("repairs a tenant's row and default scopes that the direct write missed, so an outage leaves no half tenant", async () => {
      const tenant = newTenant();
      const mirror: NonNullable<AuditActivityV1["tenant"]> = {
        ...{ name: "Example", privacy: "hybrid", content: "none", transit: "refused", suspended: false, locked: false },
        ...{ created_ms: 1_000, version: 1 },
      };
      await sink.deliver(tenant, [audit(1, { kind: "tenant.provisioned", tenant: mirror })]);
      await sink.deliver(tenant, [
        audit(2, { kind: "tenant.changed", tenant: { ...mirror, suspended: true, version: 2 } }),
      ]);
      await sink.deliver(tenant, [audit(1, { kind: "tenant.provisioned", tenant: mirror })]);
      expect(await select(tenant, "select name, suspended, version from tenants")).toEqual([
        { name: "Example", suspended: true, version: 2 },
      ]);
      expect(await select(tenant, "select environment from environments")).toEqual([{ environment: "production" }]);
    });

    it("keeps routes with their reasons and metrics with their windows", async () => {
      const tenant = newTenant();
      const decision: RouterDecisionV1 = {
        ...{
          schema_version: 1,
          task: "task_a",
          ...scopes,
          intent: null,
          model: "fast",
          route,
          decision: null,
          policy: null,
        },
        snapshot: "sha256:0",
      };
      const metrics = [{ name: "bailiwick.breaker.open", labels: { provider: "openai" }, value: 1 }];
      await sink.deliver(tenant, [
        row(1, "bailiwick.router.decisions.v1", decision),
        row(2, "bailiwick.metrics.runtime.v1", { schema_version: 1, from_ms: 0, to_ms: 10, metrics }),
      ]);
      expect(await select(tenant, "select engine_model, reasons from router_decisions")).toEqual([
        { engine_model: "gpt-x", reasons: route.reasons },
      ]);
      expect(await select(tenant, "select metrics from runtime_metrics")).toEqual([{ metrics }]);
    });

    it("bills once however late and however often an event is repeated, alone or within one delivery", async () => {
      const tenant = newTenant();
      const batch = [task(1, "task_a", "closed", { cost_nusd: 9 })];
      await sink.deliver(tenant, [...batch, ...batch]);
      // safe because: a later instant in milliseconds
      nowMs = (nowMs + 365 * 86_400_000) as UnixMs;
      await sink.deliver(tenant, [task(2, "task_b", "closed", { cost_nusd: 1 }), ...batch]);
      await sink.deliver(tenant, batch);
      expect(await sums(tenant)).toMatchObject({ requests: 2, cost_nusd: 10 });
      expect(await select(tenant, "select task_id, event_seq from tasks order by 1")).toEqual([
        { task_id: "task_a", event_seq: 1 },
        { task_id: "task_b", event_seq: 2 },
      ]);
    });
  });
}
