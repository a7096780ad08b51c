import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { decisionId, recorded } from "../../../test/support/policy-fixtures.ts";
import { expectInvariants, NOON, openTenant } from "../../../test/support/tenant-core.ts";
import {
  access,
  admitRequest,
  at,
  attribution,
  KID,
  settleRequest,
  taskId,
} from "../../../test/support/tenant-fixtures.ts";
import { decision } from "../core.ts";

const claim = (key: number, fingerprint = 7) => ({
  key_hash: key.toString(16).padStart(32, "0"),
  fingerprint: fingerprint.toString(16).padStart(32, "0"),
});
const dueOf = (t: ReturnType<typeof openTenant>, n: number) =>
  t.sql.get<{ due_ms: number }>("SELECT due_ms FROM task WHERE id = ?", taskId(n))?.due_ms;

describe("the entry that opens a task", () => {
  it("says what was admitted, for whom, until when and for how much, so that an auditor needs no other record", () => {
    const t = openTenant();
    const request = admitRequest(taskId(1), NOON, { idempotency: claim(1) });
    expect(t.admit(request).ok).toBe(true);
    expect(t.entries().at(-1)).toMatchObject({
      ...{ kind: "task.opened", outcome: "pending", action: request.action, task: taskId(1) },
      detail: {
        ...{ call: request.detail, deadline_ms: request.deadline, hold_nusd: request.hold_nusd },
        ...{ intent: "chat", key: KID, keyed: true, model: "chat-small", operation: request.operation, tokens: 1_200 },
      },
    });
    t.admit(admitRequest(taskId(2), NOON));
    expect(t.entries().at(-1)?.detail).toMatchObject({ keyed: false });
    expectInvariants(t);
  });

  it("is the only one that an admitted call leaves, and a replayed one leaves that its answer was read", () => {
    const t = openTenant();
    const from = t.entries().length;
    const keyed = (n: number) => t.admit(admitRequest(taskId(n), NOON, { idempotency: claim(1) }));
    keyed(1);
    expect(t.kinds(from)).toEqual(["task.opened"]);
    t.settle(settleRequest(taskId(1), { result: "stored" }));
    expect(keyed(2)).toMatchObject({ ok: true, value: { kind: "replay", task: taskId(1) } });
    expect(t.kinds(from)).toEqual(["task.opened", "task.closed", "data.read"]);
  });

  it("is followed by an end at the task's deadline and some grace, wherever a caller's clock put that deadline", () => {
    const t = openTenant();
    const late = NOON + 2 * LIMITS.taskRowMsMax;
    t.admit(admitRequest(taskId(1), NOON, { deadline: at(NOON + 5_000) }));
    t.admit(admitRequest(taskId(2), NOON, { deadline: at(NOON - 3_600_000) }));
    t.admit(admitRequest(taskId(3), NOON, { deadline: at(late) }));
    expect([1, 2, 3].map((n) => dueOf(t, n))).toEqual(
      [NOON + 5_000, NOON, NOON + LIMITS.taskRowMsMax].map((ms) => ms + LIMITS.abandonGraceMs),
    );
  });
});

describe("admit", () => {
  it("opens nothing once the ledger was found altered, so that nothing runs that could not be proven", () => {
    const t = openTenant();
    t.sql.run("UPDATE log SET fault = 'tree_mismatch'");
    const refused = t.admit(admitRequest(taskId(1), NOON));
    expect(refused).toEqual({ ok: false, error: { reason: "ledger_halted", retry_after_ms: LIMITS.logRecheckMs } });
    expect(t.sql.get("SELECT count(*) AS n FROM task")?.n).toBe(0);
  });

  it("keeps what the call was decided by, and of a later run of it too", () => {
    const t = openTenant();
    const decided = (n: number) =>
      t.admit(admitRequest(taskId(1), NOON, { decision: recorded(n), by: attribution({ decision: decisionId(n) }) }));
    for (const n of [1, 2]) {
      expect(decided(n).ok).toBe(true);
      expect(decision(t.sql, t.env, access(), decisionId(n))).toMatchObject({ ok: true, value: recorded(n) });
    }
    expect(t.kinds().filter((kind) => kind === "task.opened")).toHaveLength(1);
  });
});

describe("an idempotency key", () => {
  it("is never free while its task is open, so that a key that outlived its time still begins nothing twice", () => {
    const t = openTenant();
    t.admit(admitRequest(taskId(1), NOON, { idempotency: claim(1) }));
    t.env.now = NOON + 2 * LIMITS.idempotencyRowMsMax;
    expect(t.admit(admitRequest(taskId(2), t.env.now, { idempotency: claim(1) }))).toMatchObject({
      ok: false,
      error: { reason: "in_progress", task: taskId(1) },
    });
  });

  it.each([
    ["a short key", { ...claim(1), key_hash: "ab" }],
    ["a short fingerprint", { ...claim(1), fingerprint: "ab" }],
    ["a key that is no hex", { ...claim(1), key_hash: "x".repeat(32) }],
    ["a fingerprint that is no hex", { ...claim(1), fingerprint: "x".repeat(32) }],
  ])("is a defect of whoever sends it when it is %s, and opens nothing", (_, idempotency) => {
    const t = openTenant();
    expect(() => t.admit(admitRequest(taskId(1), NOON, { idempotency }))).toThrow(RangeError);
    expect(t.sql.get("SELECT count(*) AS n FROM task")?.n).toBe(0);
  });
});
