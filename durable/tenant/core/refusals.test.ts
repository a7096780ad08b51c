import { describe, expect, it } from "vitest";
import { expectInvariants, NOON, openTenant } from "../../../test/support/tenant-core.ts";
import { access, admitRequest, attribution, bucket, taskId } from "../../../test/support/tenant-fixtures.ts";
import { nextDue, refuse, sweep } from "../core.ts";

const refusal = (n: number, over: object = {}) => ({
  by: attribution(),
  task: taskId(n),
  action: "inference:create",
  reason: "role_missing",
  ...over,
});

describe("refusals", () => {
  it("writes one entry when a window opens and one with the count when it closes, so a flood costs two entries", () => {
    const t = openTenant();
    const before = t.entries().length;
    for (let n = 0; n < 500; n++) expect(refuse(t.sql, t.env, access(), refusal(n)).ok).toBe(true);
    expect(t.kinds(before)).toEqual(["call.refused"]);
    expect(nextDue(t.sql, false)).toBe(NOON + 10_000);
    t.env.now = NOON + 10_000;
    sweep(t.sql, t.env);
    sweep(t.sql, t.env);
    expect(t.entries().slice(before)).toMatchObject([
      { kind: "call.refused", outcome: "failure", task: taskId(0), detail: { reason: "role_missing" } },
      { kind: "call.refused", task: null, detail: { reason: "role_missing", first: before, repeats: 499 } },
    ]);
    expect(t.sql.get("SELECT count(*) AS n FROM coalesced")?.n).toBe(0);
    expectInvariants(t);
  });

  it("closes the old window when the next refusal comes before the alarm, so no count is lost to a late alarm", () => {
    const t = openTenant();
    const before = t.entries().length;
    for (let n = 0; n < 3; n++) refuse(t.sql, t.env, access(), refusal(n));
    t.env.now += 10_000;
    refuse(t.sql, t.env, access(), refusal(9));
    expect(t.entries().slice(before)).toMatchObject([
      { task: taskId(0), detail: { reason: "role_missing" } },
      { task: null, detail: { first: before, repeats: 2 } },
      { task: taskId(9), detail: { reason: "role_missing" } },
    ]);
    t.env.now += 9_999;
    refuse(t.sql, t.env, access(), refusal(10));
    expect(t.entries().length).toBe(before + 3);
    t.env.now += 1;
    sweep(t.sql, t.env);
    expect(t.entries().slice(before + 3)).toMatchObject([{ task: null, detail: { first: before + 2, repeats: 1 } }]);
    t.env.now += 10_000;
    sweep(t.sql, t.env);
    expect(t.entries().length).toBe(before + 4);
    expectInvariants(t);
  });

  it("keeps actors, actions and reasons apart, so one caller's flood hides nobody else's refusal", () => {
    const t = openTenant();
    const before = t.entries().length;
    refuse(t.sql, t.env, access(), refusal(1));
    refuse(t.sql, t.env, access(), refusal(2, { by: attribution({ subject: "user:other" }) }));
    refuse(t.sql, t.env, access(), refusal(3, { action: "keys:create" }));
    refuse(t.sql, t.env, access(), refusal(4, { reason: "scope_missing" }));
    expect(t.entries().length).toBe(before + 4);
  });

  it("keeps the beginning of a long reason, because the ledger is no place for free text", () => {
    const t = openTenant();
    for (let n = 0; n < 2; n++) refuse(t.sql, t.env, access(), refusal(n, { reason: `${"r".repeat(128)}${n}` }));
    expect(t.entries().at(-1)?.detail).toEqual({ reason: "r".repeat(128) });
    expect(t.sql.get("SELECT repeats FROM coalesced")?.repeats).toBe(1);
  });

  it("is decided again when the edge's versions are stale, so nobody is refused under an old policy", () => {
    const t = openTenant();
    const versions = { credential: 1, state: 1, policy: 0 };
    expect(refuse(t.sql, t.env, access({ versions }), refusal(1))).toMatchObject({ error: { reason: "stale" } });
    expect(t.sql.get("SELECT count(*) AS n FROM coalesced")?.n).toBe(0);
  });

  it("counts replays of one result the same way, so a replay loop does not grow the ledger", () => {
    const t = openTenant();
    const idempotency = { key_hash: "1".repeat(32), fingerprint: "2".repeat(32) };
    t.admit(admitRequest(taskId(1), NOON, { idempotency }));
    t.sql.run("UPDATE task SET state = 1, result = 'stored', finished_ms = ?", NOON);
    const before = t.entries().length;
    for (let n = 2; n < 20; n++) expect(t.admit(admitRequest(taskId(n), NOON, { idempotency })).ok).toBe(true);
    expect(t.entries().slice(before)).toMatchObject([{ kind: "data.read", detail: { reason: `replay:${taskId(1)}` } }]);
  });
});

describe("buckets", () => {
  it("lets a burst through, then refills at its rate, so a minute's limit is a limit", () => {
    const t = openTenant();
    const rates = [bucket({ limit: 60, burst: 120 })];
    const count = (n: number) => {
      let passed = 0;
      while (t.admit(admitRequest(taskId(n * 1000 + passed), t.env.now, { rates })).ok) passed++;
      return passed;
    };
    expect(count(1)).toBe(120);
    t.env.now += 10_000;
    expect(count(2)).toBe(10);
    t.env.now += 3_600_000;
    expect(count(3)).toBe(120);
  });

  it("lets a draw larger than the bucket through when it is full, so a long input is slow but not impossible", () => {
    const t = openTenant();
    const rates = [bucket({ unit: "tokens", limit: 1_000, burst: 1_000 })];
    expect(t.admit(admitRequest(taskId(1), NOON, { rates, tokens: 9_000 })).ok).toBe(true);
    expect(t.admit(admitRequest(taskId(2), NOON, { rates, tokens: 9_000 }))).toMatchObject({
      error: { reason: "rate_limited", retry_after_ms: 60_000 },
    });
  });

  it("passes nothing at a limit of zero, so a closed tenant stays closed", () => {
    const t = openTenant();
    expect(t.admit(admitRequest(taskId(1), NOON, { rates: [bucket({ limit: 0, burst: 0 })] }))).toMatchObject({
      error: { reason: "rate_limited", state: { remaining: 0 } },
    });
  });
});
