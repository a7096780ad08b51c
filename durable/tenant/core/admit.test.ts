import { describe, expect, it } from "vitest";
import { nanoUsd } from "../../../shared/contracts/money.ts";
import { expectInvariants, NOON, openTenant } from "../../../test/support/tenant-core.ts";
import {
  access,
  admitRequest,
  at,
  attribution,
  bucket,
  budget,
  budgetId,
  KID,
  kidOf,
  newKey,
  settleRequest,
  taskId,
} from "../../../test/support/tenant-fixtures.ts";
import { admit, change, createKey, revokeKey, rotateKey } from "../core.ts";

const operator = { access: access({ kid: null, versions: { credential: 0, state: 1, policy: 1 } }), by: attribution() };
const claim = (key: number, fingerprint = 7) => ({
  key_hash: key.toString(16).padStart(32, "0"),
  fingerprint: fingerprint.toString(16).padStart(32, "0"),
});
const HOUR = 3_600_000;

describe("admit", () => {
  it("refuses a revoked key whatever versions the edge still holds, so a cached credential buys nothing", () => {
    const t = openTenant();
    expect(revokeKey(t.sql, t.env, operator, KID).ok).toBe(true);
    expect(t.admit(admitRequest(taskId(1), NOON))).toEqual({ ok: false, error: { reason: "unknown_credential" } });
    expect(t.kinds().at(-1)).toBe("authentication.failed");
    expectInvariants(t);
  });

  it("refuses an expired key at the very millisecond, so its last second is not its last minute", () => {
    const t = openTenant({ keys: [newKey({ expires_ms: at(NOON + 10) })] });
    t.env.now = NOON + 9;
    expect(t.admit(admitRequest(taskId(1), NOON)).ok).toBe(true);
    t.env.now = NOON + 10;
    expect(t.admit(admitRequest(taskId(2), NOON))).toEqual({ ok: false, error: { reason: "unknown_credential" } });
  });

  it("leaves nothing for a key that the tenant never had, so guessed ids write no rows", () => {
    const t = openTenant();
    const before = t.entries().length;
    const request = admitRequest(taskId(1), NOON, { access: access({ kid: kidOf(9) }) });
    expect(t.admit(request)).toEqual({ ok: false, error: { reason: "unknown_credential" } });
    expect(t.entries().length).toBe(before);
  });

  it.each(["credential", "state", "policy"] as const)(
    "names a stale %s version with the current ones and does nothing, so the edge decides again",
    (which) => {
      const t = openTenant();
      const before = t.entries().length;
      const versions = { credential: 1, state: 1, policy: 1, [which]: 9 };
      expect(t.admit(admitRequest(taskId(1), NOON, { access: access({ versions }) }))).toEqual({
        ok: false,
        error: { reason: "stale", which, current: { credential: 1, state: 1, policy: 1 } },
      });
      expect(t.entries().length).toBe(before);
      expect(t.sql.get("SELECT count(*) AS n FROM task")?.n).toBe(0);
    },
  );

  it("honours a rotated key for its overlap and not a moment longer, so deployments can change keys without an outage", () => {
    const t = openTenant();
    const successor = { kid: kidOf(2), digest: "cd".repeat(32), overlap_ms: 1_000 };
    expect(rotateKey(t.sql, t.env, operator, KID, successor)).toMatchObject({ ok: true, value: { kid: kidOf(2) } });
    expect(t.admit(admitRequest(taskId(1), NOON))).toMatchObject({ error: { reason: "stale", which: "credential" } });
    const overlapping = access({ versions: { credential: 2, state: 1, policy: 1 } });
    expect(t.admit(admitRequest(taskId(1), NOON, { access: overlapping })).ok).toBe(true);
    t.env.now += 1_000;
    expect(t.admit(admitRequest(taskId(2), NOON, { access: overlapping }))).toMatchObject({
      error: { reason: "unknown_credential" },
    });
    expect(t.admit(admitRequest(taskId(3), NOON, { access: access({ kid: kidOf(2) }) })).ok).toBe(true);
  });

  it.each([
    ["suspended", { suspended: true }],
    ["locked", { locked: true }],
  ] as const)("refuses a %s tenant and leaves exactly one entry, so the refusal is on record", (reason, patch) => {
    const t = openTenant();
    expect(change(t.sql, t.env, operator, patch).ok).toBe(true);
    const before = t.entries().length;
    const now = access({ versions: { credential: 1, state: 2, policy: 1 } });
    expect(t.admit(admitRequest(taskId(1), NOON, { access: now }))).toEqual({ ok: false, error: { reason } });
    expect(t.kinds(before)).toEqual(["call.refused"]);
    expect(t.entries().at(-1)?.detail).toEqual({ reason });
    expect(t.sql.get("SELECT count(*) AS n FROM task")?.n).toBe(0);
    expectInvariants(t);
  });

  it("writes nothing but its entry when a rate refuses, so a refused call costs no tokens elsewhere", () => {
    const t = openTenant();
    const rates = [bucket({ burst: 5 }), bucket({ dimension: "tenant", id: "*", limit: 1, burst: 1 })];
    expect(t.admit(admitRequest(taskId(1), NOON, { rates })).ok).toBe(true);
    const buckets = t.sql.all("SELECT * FROM bucket ORDER BY id");
    const before = t.entries().length;
    const refused = t.admit(admitRequest(taskId(2), NOON, { rates, idempotency: claim(1) }));
    expect(refused).toMatchObject({ ok: false, error: { reason: "rate_limited", state: { dimension: "tenant" } } });
    expect(refused.ok ? 0 : "retry_after_ms" in refused.error && refused.error.retry_after_ms).toBe(60_000);
    expect(t.sql.all("SELECT * FROM bucket ORDER BY id")).toEqual(buckets);
    expect(t.kinds(before)).toEqual(["call.refused"]);
    expect(t.sql.get("SELECT count(*) AS n FROM task")?.n).toBe(1);
    // The key was not spent: the same call may run once the bucket has refilled.
    t.env.now += 60_000;
    expect(t.admit(admitRequest(taskId(3), t.env.now, { rates, idempotency: claim(1) })).ok).toBe(true);
  });

  it("goes on at the usual rate when the clock was set back, so that a corrected clock locks no tenant out for hours", () => {
    const t = openTenant();
    const rates = [bucket({ limit: 60, burst: 60 })];
    expect(t.admit(admitRequest(taskId(1), NOON, { rates })).ok).toBe(true);
    t.env.now -= 6 * HOUR;
    expect(t.admit(admitRequest(taskId(2), t.env.now, { rates })).ok).toBe(true);
    // Nothing is given away either: that one left the bucket empty.
    const refused = t.admit(admitRequest(taskId(3), t.env.now, { rates }));
    expect(refused).toMatchObject({ ok: false, error: { reason: "rate_limited", retry_after_ms: 1_000 } });
    t.env.now += 1_000;
    expect(t.admit(admitRequest(taskId(4), t.env.now, { rates })).ok).toBe(true);
  });

  it("never lets 200 calls hold more than a hard budget, so concurrency overspends nothing", () => {
    const t = openTenant({ budgets: [budget({ limit_nusd: nanoUsd(100_000_000) })] });
    const holds = nanoUsd(1_500_000);
    const requests = Array.from({ length: 200 }, (_, n) => admitRequest(taskId(n), NOON, { hold_nusd: holds }));
    const outcomes = [0, 64, 128, 192].flatMap((from) => admit(t.sql, t.env, requests.slice(from, from + 64)));
    const admitted = outcomes.filter(({ ok }) => ok).length;
    expect(admitted).toBe(66);
    expect(outcomes.filter((one) => !one.ok && one.error.reason === "budget_exhausted").length).toBe(134);
    expect(t.sql.get("SELECT held_nusd AS held FROM budget_span")?.held).toBe(66 * 1_500_000);
    // One entry for the first refusal; the other 133 are counted in its window.
    expect(t.kinds().filter((kind) => kind === "call.refused").length).toBe(1);
    expect(t.sql.get("SELECT repeats FROM coalesced")?.repeats).toBe(133);
    expectInvariants(t);
  });

  it("admits past a soft budget with a warning, and names no hard one, so soft never blocks", () => {
    const t = openTenant({ budgets: [budget({ hard: false, limit_nusd: nanoUsd(1) })] });
    expect(t.admit(admitRequest(taskId(1), NOON))).toMatchObject({
      ok: true,
      value: { warnings: [budgetId(1)], hard: false },
    });
  });

  it("counts a call only against budgets whose scope it matches, so one team cannot exhaust another's", () => {
    const mine = { workspace: "research", project: null, environment: null, kid: null };
    const t = openTenant({ budgets: [budget({ scope: mine, limit_nusd: nanoUsd(0) })] });
    expect(t.admit(admitRequest(taskId(1), NOON))).toMatchObject({ ok: true, value: { hard: false } });
    const by = attribution({ workspace: "research" });
    expect(t.admit(admitRequest(taskId(2), NOON, { by }))).toMatchObject({ error: { reason: "budget_exhausted" } });
  });

  it("tells when a period's budget is there again, and that a total one never is", () => {
    const t = openTenant({ budgets: [budget({ limit_nusd: nanoUsd(0), period: "day" })] });
    expect(t.admit(admitRequest(taskId(1), NOON))).toMatchObject({ error: { retry_after_ms: 12 * HOUR } });
    const never = openTenant({ budgets: [budget({ limit_nusd: nanoUsd(0), period: "total" })] });
    expect(never.admit(admitRequest(taskId(1), NOON))).toMatchObject({ error: { retry_after_ms: null } });
  });

  it("answers the first outcome to a repeated task id without a second hold, so a lost answer costs nothing", () => {
    const t = openTenant({ budgets: [budget()] });
    const request = admitRequest(taskId(1), NOON, { rates: [bucket()] });
    const first = t.admit(request);
    t.env.now += 500;
    const again = t.admit(request);
    expect(first.ok && again.ok && [again.value.kind, first.value]).toMatchObject(["admitted", { ledger_seq: 3 }]);
    expect(again).toMatchObject({ value: { ledger_seq: 3, admitted_ms: NOON, hard: true } });
    expect(t.sql.get("SELECT held_nusd AS held FROM budget_span")?.held).toBe(2_000_000);
    expect(t.kinds().filter((kind) => kind === "task.opened").length).toBe(1);
    expect(t.settle(settleRequest(taskId(1))).ok).toBe(true);
    expect(t.admit(request)).toMatchObject({ error: { reason: "outcome_unknown" } });
    expectInvariants(t);
  });

  it("admits or refuses each of 64 on its own, so one full bucket does not sink a batch", () => {
    const t = openTenant();
    const rates = [bucket({ burst: 40, limit: 60 })];
    const outcomes = admit(
      t.sql,
      t.env,
      Array.from({ length: 64 }, (_, n) => admitRequest(taskId(n), NOON, { rates })),
    );
    expect(outcomes.filter(({ ok }) => ok).length).toBe(40);
    expectInvariants(t);
    expect(() =>
      admit(
        t.sql,
        t.env,
        Array.from({ length: 65 }, (_, n) => admitRequest(taskId(n), NOON)),
      ),
    ).toThrow(RangeError);
  });

  it("writes a key's last use once a minute, so the hot path writes no key rows", () => {
    const t = openTenant();
    const used = () => t.sql.get("SELECT last_used_ms AS ms FROM api_key")?.ms;
    t.admit(admitRequest(taskId(1), NOON));
    expect(used()).toBe(NOON);
    t.env.now += 59_999;
    t.admit(admitRequest(taskId(2), NOON));
    expect(used()).toBe(NOON);
    t.env.now += 1;
    t.admit(admitRequest(taskId(3), NOON));
    expect(used()).toBe(NOON + 60_000);
  });

  it("throws on amounts that no edge may send, and writes nothing, so a bug is not billed", () => {
    const t = openTenant();
    const before = t.entries().length;
    for (const over of [{ hold_nusd: -1 }, { hold_nusd: 1.5 }, { tokens: Number.NaN }, { schema_version: 2 }])
      expect(() => t.admit(Object.assign(admitRequest(taskId(1), NOON), over))).toThrow(RangeError);
    expect(t.entries().length).toBe(before);
  });
});

describe("idempotency keys", () => {
  it("runs a key once: the second call waits, then replays, so a client retry never starts a second run", () => {
    const t = openTenant({ budgets: [budget()] });
    const keyed = (n: number) => admitRequest(taskId(n), NOON, { idempotency: claim(1), rates: [bucket()] });
    expect(t.admit(keyed(1))).toMatchObject({ value: { kind: "admitted" } });
    expect(t.admit(keyed(2))).toEqual({
      ok: false,
      error: { reason: "in_progress", task: taskId(1), retry_after_ms: 500 },
    });
    t.settle(settleRequest(taskId(1), { result: "stored" }));
    const spent = t.sql.all("SELECT * FROM budget_span");
    const buckets = t.sql.all("SELECT * FROM bucket");
    expect(t.admit(keyed(3))).toMatchObject({ ok: true, value: { kind: "replay", task: taskId(1) } });
    expect(t.sql.all("SELECT * FROM budget_span")).toEqual(spent);
    expect(t.sql.all("SELECT * FROM bucket")).toEqual(buckets);
    expect(t.kinds().slice(-1)).toEqual(["data.read"]);
    expectInvariants(t);
  });

  it("refuses another request under a used key, so a key never answers for what it did not run", () => {
    const t = openTenant();
    t.admit(admitRequest(taskId(1), NOON, { idempotency: claim(1, 7) }));
    expect(t.admit(admitRequest(taskId(2), NOON, { idempotency: claim(1, 8) }))).toEqual({
      ok: false,
      error: { reason: "key_reused" },
    });
  });

  it("keeps refusing after the stored result has expired, and frees the key after 72 h", () => {
    const t = openTenant();
    t.admit(admitRequest(taskId(1), NOON, { idempotency: claim(1) }));
    t.settle(settleRequest(taskId(1), { result: "stored" }));
    const again = (n: number) => t.admit(admitRequest(taskId(n), t.env.now, { idempotency: claim(1) }));
    t.env.now = NOON + 24 * HOUR - 1;
    expect(again(2)).toMatchObject({ ok: true, value: { kind: "replay" } });
    t.env.now = NOON + 24 * HOUR;
    expect(again(3)).toEqual({ ok: false, error: { reason: "result_expired", task: taskId(1) } });
    t.env.now = NOON + 72 * HOUR;
    expect(again(4)).toMatchObject({ ok: true, value: { kind: "admitted" } });
  });

  it.each(["none", "too_large"] as const)(
    "never runs a key again whose result is %s, because it ran and was charged",
    (result) => {
      const t = openTenant();
      t.admit(admitRequest(taskId(1), NOON, { idempotency: claim(1) }));
      t.settle(settleRequest(taskId(1), { result }));
      const again = t.admit(admitRequest(taskId(2), NOON, { idempotency: claim(1) }));
      expect(again).toEqual({ ok: false, error: { reason: "result_expired", task: taskId(1) } });
    },
  );

  it("frees the key of a task that never began to run, so a retry after `no route` may succeed", () => {
    const t = openTenant();
    t.admit(admitRequest(taskId(1), NOON, { idempotency: claim(1) }));
    t.settle(settleRequest(taskId(1), { result: "not_run", status: "ERROR", usage: [], cost_nusd: nanoUsd(0) }));
    expect(t.admit(admitRequest(taskId(2), NOON, { idempotency: claim(1) })).ok).toBe(true);
  });

  it("looks at versions first, so a revoked key never reads a stored answer", () => {
    const t = openTenant();
    createKey(t.sql, t.env, operator, newKey({ kid: kidOf(2) }));
    t.admit(admitRequest(taskId(1), NOON, { idempotency: claim(1) }));
    t.settle(settleRequest(taskId(1), { result: "stored" }));
    revokeKey(t.sql, t.env, operator, KID);
    expect(t.admit(admitRequest(taskId(2), NOON, { idempotency: claim(1) }))).toMatchObject({
      error: { reason: "unknown_credential" },
    });
  });
});
