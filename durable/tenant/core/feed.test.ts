import { describe, expect, it } from "vitest";
import { EVENTS, isEventType } from "../../../shared/contracts/events/envelope.ts";
import type { BillingRow, TaskLifecycleV1 } from "../../../shared/contracts/events/task-lifecycle.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { EventSink } from "../../../shared/contracts/ports/event-sink.ts";
import type { OutboxRow } from "../../../shared/contracts/ports/tenant-store.ts";
import { NOON, openTenant } from "../../../test/support/tenant-core.ts";
import {
  access,
  admitRequest,
  attribution,
  budget,
  KID,
  kidOf,
  settleRequest,
  taskId,
} from "../../../test/support/tenant-fixtures.ts";
import type { ObjectHandle } from "../../runtime/object-class.ts";
import { change, feedIsDue, nextDue, rotateKey, sweep, usage } from "../core.ts";
import { deliverFeed } from "../object-class.ts";

const handleOf = (t: ReturnType<typeof openTenant>): ObjectHandle => ({
  name: "acme1",
  call: async (body) => body(t.sql, t.env),
});
function collector() {
  const rows: OutboxRow[] = [];
  return { rows, sink: { deliver: async (_tenant: string, some: readonly OutboxRow[]) => void rows.push(...some) } };
}
const lifecycles = (rows: readonly OutboxRow[]) =>
  rows
    .filter(({ type }) => type === "bailiwick.tasks.lifecycle.v1")
    .map(({ data }) => data as unknown as TaskLifecycleV1); // safe because: parsed by its schema in the first test

describe("events", () => {
  it("match their published schemas, every kind of them, so no receiver parks what we send", async () => {
    const t = openTenant({ budgets: [budget()] });
    const by = { access: access(), by: attribution() };
    for (let n = 1; n < 4; n++) t.admit(admitRequest(taskId(n), NOON));
    t.settle(settleRequest(taskId(1)));
    t.env.now += 90_000;
    sweep(t.sql, t.env);
    t.settle(settleRequest(taskId(2)));
    rotateKey(t.sql, t.env, by, KID, { kid: kidOf(2), digest: "5e".repeat(32), overlap_ms: 9 });
    change(t.sql, t.env, { ...by, access: access({ kid: kidOf(2) }) }, { name: "Other" });
    const { rows, sink } = collector();
    await deliverFeed(handleOf(t), sink);
    for (const row of rows) {
      if (!isEventType(row.type)) throw new Error(row.type);
      EVENTS[row.type].parse(row.data);
    }
    expect(lifecycles(rows).map(({ event }) => event)).toEqual([
      "opened",
      "opened",
      "opened",
      "closed",
      "abandoned",
      "abandoned",
      "corrected",
    ]);
    const audits = rows.filter(({ type }) => type === "bailiwick.audit.activity.v1").map(({ data }) => data);
    expect(audits.map(({ kind, key, tenant }) => [kind, key !== null, tenant !== null])).toEqual([
      ["tenant.provisioned", false, true],
      ["key.created", true, false],
      ["budget.changed", false, false],
      ["key.created", true, false],
      ["key.rotated", true, false],
      ["tenant.changed", false, true],
    ]);
    expect(JSON.stringify(rows)).not.toContain("5e".repeat(32));
    const seqs = rows.map(({ seq }) => seq);
    expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
  });

  it("bill what the ledger and the usage say, corrections included, so the three sums agree", async () => {
    const t = openTenant();
    for (let n = 0; n < 20; n++) t.admit(admitRequest(taskId(n), NOON));
    for (let n = 0; n < 15; n++) t.settle(settleRequest(taskId(n)));
    t.env.now += 90_000;
    sweep(t.sql, t.env);
    t.settle(settleRequest(taskId(17)));
    const { rows, sink } = collector();
    await deliverFeed(handleOf(t), sink);
    const bills = lifecycles(rows).flatMap(({ billing }): BillingRow[] => (billing ? [billing] : []));
    const sums = { requests: 0, cost: 0 };
    for (const { requests, cost_nusd } of bills) {
      sums.requests += requests;
      sums.cost += cost_nusd;
    }
    const asked = { from: "2026-11-21", to: "2026-11-22", group_by: [], workspace: null, limit: 1, offset: 0 };
    expect(usage(t.sql, t.env, access(), asked)).toMatchObject({
      value: [{ requests: sums.requests, cost_nusd: sums.cost }],
    });
    expect(sums).toEqual({ requests: 20, cost: 16 * 1_450_000 + 4 * 2_000_000 });
  });

  it("say of a task what its opening said, also when that was delivered long before its end", async () => {
    const t = openTenant();
    t.admit(admitRequest(taskId(1), NOON, { model: "chat-large" }));
    for (let n = 2; n < 700; n++) t.admit(admitRequest(taskId(n), NOON));
    t.settle(settleRequest(taskId(1)));
    const { rows, sink } = collector();
    await deliverFeed(handleOf(t), sink);
    const told = lifecycles(rows);
    expect(told).toHaveLength(700);
    expect(told.at(-1)).toMatchObject({
      event: "closed",
      key: KID,
      task: { id: taskId(1), model: "chat-large", workspace: "default" },
      billing: { model: "chat-large", cost_nusd: 1_450_000 },
    });
  });

  it("wait for the next start once the host ends, so that a long backlog never holds up a shutdown", async () => {
    const t = openTenant();
    for (let n = 0; n < 300; n++) t.admit(admitRequest(taskId(n), NOON));
    const { rows, sink } = collector();
    const told: (number | undefined)[] = [];
    const watched: EventSink = {
      deliver(tenant, some, behind) {
        told.push(behind);
        return sink.deliver(tenant, some);
      },
    };
    await deliverFeed({ ...handleOf(t), ending: () => true }, watched);
    expect([rows.length, told]).toEqual([LIMITS.outboxBatchMax / 2, [102]]);
    await deliverFeed(handleOf(t), watched);
    expect([rows.length, told]).toEqual([302, [102, 0]]);
  });

  it("come again, identical and in order, until the receiver has them, so none is lost and none is new", async () => {
    const t = openTenant();
    for (let n = 0; n < 120; n++) t.admit(admitRequest(taskId(n), NOON));
    const { rows, sink } = collector();
    const batches: OutboxRow[][] = [];
    let fail = true;
    const flaky = {
      deliver: async (tenant: string, some: readonly OutboxRow[]) => {
        batches.push([...some]);
        expect(some.length).toBeLessThanOrEqual(LIMITS.outboxBatchMax);
        if (fail) throw new Error("receiver is down");
        await sink.deliver(tenant, some);
      },
    };
    await expect(deliverFeed(handleOf(t), flaky)).rejects.toThrow("receiver is down");
    expect(nextDue(t.sql, true)).toBe(NOON + LIMITS.outboxRetryMsMin);
    await deliverFeed(handleOf(t), flaky);
    expect(batches.length).toBe(1);
    t.env.now += LIMITS.outboxRetryMsMin;
    await expect(deliverFeed(handleOf(t), flaky)).rejects.toThrow();
    expect(nextDue(t.sql, true)).toBe(t.env.now + 2 * LIMITS.outboxRetryMsMin);
    t.env.now += 2 * LIMITS.outboxRetryMsMin;
    fail = false;
    await deliverFeed(handleOf(t), flaky);
    expect([batches[1], batches[2]]).toEqual([batches[0], batches[0]]);
    expect(rows.length).toBe(122);
    await deliverFeed(handleOf(t), flaky);
    expect(rows.length).toBe(122);
    // Nothing is left to deliver: what is due next is not the feed.
    expect(nextDue(t.sql, true)).toBe(nextDue(t.sql, false));
  });

  it("are due while one waits and its receiver is not backed off from, so that no alarm runs for nothing", async () => {
    const t = openTenant();
    const { sink } = collector();
    const due = () => feedIsDue(t.sql, t.env.now);
    expect(due()).toBe(true);
    const down = { deliver: async () => Promise.reject(new Error("receiver is down")) };
    await expect(deliverFeed(handleOf(t), down)).rejects.toThrow("receiver is down");
    t.env.now += LIMITS.outboxRetryMsMin - 1;
    expect(due()).toBe(false);
    t.env.now += 1;
    expect(due()).toBe(true);
    await deliverFeed(handleOf(t), sink);
    expect(due()).toBe(false);
    t.admit(admitRequest(taskId(1), t.env.now));
    expect(due()).toBe(true);
  });

  it("are tried at least once a minute however long the outage lasts, so that read models catch up soon after it", async () => {
    const t = openTenant();
    t.admit(admitRequest(taskId(1), NOON));
    const down = { deliver: async () => Promise.reject(new Error("receiver is down")) };
    for (let minutes = 0; minutes < 60; minutes++) {
      await expect(deliverFeed(handleOf(t), down)).rejects.toThrow("receiver is down");
      t.env.now += 60_000;
    }
  });
});
