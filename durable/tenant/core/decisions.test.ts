import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { decisionId, recorded } from "../../../test/support/policy-fixtures.ts";
import { expectInvariants, NOON, openTenant, type TestTenant } from "../../../test/support/tenant-core.ts";
import {
  access,
  admitRequest,
  attribution,
  bucket,
  settleRequest,
  taskId,
} from "../../../test/support/tenant-fixtures.ts";
import { decision, decisions, keepAlone, refuse, sweep } from "../core.ts";

const admitted = (t: TestTenant, n: number, over: object = {}) =>
  t.admit(
    admitRequest(taskId(n), t.env.now, {
      decision: recorded(n),
      by: attribution({ decision: decisionId(n) }),
      ...over,
    }),
  );
const settledBy = (t: TestTenant, n: number, over: object = {}) =>
  t.settle(settleRequest(taskId(n), { by: attribution({ decision: decisionId(n) }), ...over }));
const refusal = (n: number, over: object = {}) => ({
  by: attribution({ decision: decisionId(n) }),
  task: taskId(n),
  action: "inference:invoke",
  reason: "role",
  decision: recorded(n),
  ...over,
});
const page = (t: TestTenant, limit = 1_000, before: number | null = null) => {
  const outcome = decisions(t.sql, t.env, access(), { limit, before: before === null ? null : decisionId(before) });
  return outcome.ok ? outcome.value : expect.fail(outcome.error.reason);
};
const idsOf = (t: TestTenant, ...args: [limit?: number, before?: number | null]) =>
  page(t, ...args).decisions.map(({ id }) => id);

describe("the ring of decisions", () => {
  it("keeps what admitted and what refused a call, byte for byte, newest first", () => {
    const t = openTenant();
    admitted(t, 1);
    refuse(t.sql, t.env, access(), refusal(2));
    expect(page(t)).toEqual({
      decisions: [
        { ...recorded(2), obligations: null, further: [] },
        { ...recorded(1), obligations: null, further: [] },
      ],
      more: false,
    });
    expect(decision(t.sql, t.env, access(), decisionId(1))).toMatchObject({ value: recorded(1) });
    expect(decision(t.sql, t.env, access(), decisionId(3))).toEqual({ ok: false, error: { reason: "not_found" } });
    expectInvariants(t);
  });

  it("keeps each refusal although the ledger counts repeats, so that every refused call can be explained", () => {
    const t = openTenant();
    const before = t.entries().length;
    for (let n = 1; n <= 20; n++) refuse(t.sql, t.env, access(), refusal(n));
    expect(t.entries().length).toBe(before + 1);
    expect(idsOf(t)).toHaveLength(20);
  });

  it("keeps nothing of a call that was admitted by no policy in force, or was not admitted", () => {
    const t = openTenant();
    const stale = access({ versions: { credential: 1, state: 1, policy: 2 } });
    expect(admitted(t, 1, { access: stale })).toMatchObject({ error: { reason: "stale" } });
    expect(refuse(t.sql, t.env, stale, refusal(2))).toMatchObject({ error: { reason: "stale" } });
    const rates = [bucket({ burst: 1, limit: 1 })];
    admitted(t, 3, { rates });
    expect(admitted(t, 4, { rates })).toMatchObject({ error: { reason: "rate_limited" } });
    expect(idsOf(t)).toEqual([decisionId(3)]);
  });

  it("keeps one record of a decision that is sent again, by admission or by a refusal behind it", () => {
    const t = openTenant();
    admitted(t, 1);
    admitted(t, 1);
    keepAlone(t.sql, t.env, access(), recorded(2));
    refuse(t.sql, t.env, access(), refusal(2));
    expect(idsOf(t)).toEqual([decisionId(2), decisionId(1)]);
  });

  it("keeps what each run of a task was decided by, so that the entry that closes it names what can be explained", () => {
    const t = openTenant();
    admitted(t, 1);
    const again = attribution({ decision: decisionId(9) });
    expect(admitted(t, 1, { decision: recorded(9), by: again })).toMatchObject({ value: { kind: "admitted" } });
    settledBy(t, 1, { by: again, obligations: [{ id: "redact_output", outcome: "applied", note: null }] });
    expect(t.entries().at(-1)).toMatchObject({ kind: "task.closed", decision: decisionId(9) });
    expect(page(t).decisions).toEqual([
      { ...recorded(9), obligations: [{ id: "redact_output", outcome: "applied", note: null }], further: [] },
      { ...recorded(1), obligations: null, further: [] },
    ]);
    expectInvariants(t);
  });

  it("lets the oldest go for the newest, so that a tenant's object does not grow for ever", () => {
    const t = openTenant();
    const kept = LIMITS.decisionsKeptMax;
    const made = 2 * kept + 10;
    for (let n = 0; n < made; n++) refuse(t.sql, t.env, access(), refusal(n));
    const left = t.sql.get<{ n: number }>("SELECT count(*) AS n FROM decision")?.n;
    expect(left).toBeGreaterThanOrEqual(kept);
    expect(left).toBeLessThan(kept + LIMITS.decisionsForgottenAtOnce);
    const oldest = made - (left ?? 0);
    expect(decision(t.sql, t.env, access(), decisionId(oldest - 1))).toMatchObject({ error: { reason: "not_found" } });
    expect(decision(t.sql, t.env, access(), decisionId(oldest))).toMatchObject({ ok: true });
    expect(idsOf(t, 2)).toEqual([decisionId(made - 1), decisionId(made - 2)]);
    expect(page(t, 5_000).decisions).toHaveLength(LIMITS.simulationInputsMax);
  });

  it("pages past any number of newer ones, and ends where the ring does", () => {
    const t = openTenant();
    for (let n = 0; n <= LIMITS.decisionsKeptMax + LIMITS.decisionsForgottenAtOnce; n++)
      refuse(t.sql, t.env, access(), refusal(n));
    const seen: string[] = [];
    let before: number | null = null;
    for (;;) {
      const { decisions: found, more } = page(t, 1_000, before);
      seen.push(...found.map(({ id }) => id));
      if (!more) break;
      before = Number.parseInt((seen.at(-1) ?? "").slice(4), 36);
    }
    expect(new Set(seen).size).toBe(LIMITS.decisionsKeptMax);
    expect(seen.at(-1)).toBe(decisionId(LIMITS.decisionsForgottenAtOnce + 1));
    expect(page(t, 10, 1)).toEqual({ decisions: [], more: false });
    expect(page(t, 10, LIMITS.decisionsForgottenAtOnce + 1)).toEqual({ decisions: [], more: false });
  });

  it("is nobody's without a credential in force", () => {
    const t = openTenant();
    admitted(t, 1);
    const stale = access({ versions: { credential: 2, state: 1, policy: 1 } });
    expect(decision(t.sql, t.env, stale, decisionId(1))).toMatchObject({ error: { reason: "stale" } });
    expect(decisions(t.sql, t.env, stale, { limit: 1, before: null })).toMatchObject({ error: { reason: "stale" } });
  });

  it("refuses a record that is longer than it keeps before anything else happens", () => {
    const t = openTenant();
    const long = recorded(1, "x".repeat(LIMITS.decisionRecordBytesMax + 1));
    expect(() => admitted(t, 1, { decision: long })).toThrow(RangeError);
    expect(() => refuse(t.sql, t.env, access(), refusal(1, { decision: long }))).toThrow(RangeError);
    expect(t.entries()).toHaveLength(2);
  });
});

describe("a decision that neither admission nor refusal keeps", () => {
  const redacted = { id: "redact_output", outcome: "applied", note: null } as const;
  const failed = { id: "retain_content", outcome: "failed", note: "away" } as const;
  const told = (t: TestTenant, n: number) => {
    const kept = decision(t.sql, t.env, access(), decisionId(n));
    return kept.ok ? kept.value.obligations : kept.error.reason;
  };

  it("says how its obligations ended, and again what they came to when it is told again", () => {
    const t = openTenant();
    keepAlone(t.sql, t.env, access(), { ...recorded(1), obligations: [redacted] });
    expect(told(t, 1)).toEqual([redacted]);
    keepAlone(t.sql, t.env, access(), { ...recorded(1), obligations: [redacted, failed] });
    expect([told(t, 1), idsOf(t)]).toEqual([[redacted, failed], [decisionId(1)]]);
    keepAlone(t.sql, t.env, access(), recorded(1));
    expect(told(t, 1)).toEqual([redacted, failed]);
  });

  it("is kept only for who has access now, and only as long as the ring keeps any", () => {
    const t = openTenant();
    const stale = access({ versions: { credential: 2, state: 1, policy: 1 } });
    expect(keepAlone(t.sql, t.env, stale, recorded(1))).toMatchObject({ error: { reason: "stale" } });
    const sized = (n: number, chars: number) => recorded(n, "x".repeat(chars));
    expect(() => keepAlone(t.sql, t.env, access(), sized(2, LIMITS.decisionRecordBytesMax + 1))).toThrow(RangeError);
    expect(keepAlone(t.sql, t.env, access(), sized(3, LIMITS.decisionRecordBytesMax))).toEqual({
      ok: true,
      value: null,
    });
    expect(page(t, 1)).toMatchObject({ decisions: [{ id: decisionId(3) }], more: false });
  });
});

describe("a settled decision", () => {
  const redacted = { id: "redact_output", outcome: "applied", note: "3 spans" } as const;
  const failed = { id: "retain_content", outcome: "failed", note: null } as const;

  it("says how each obligation ended and what was decided on the way, in the ring and in the closed record", () => {
    const t = openTenant();
    admitted(t, 1);
    settledBy(t, 1, { obligations: [redacted, failed], decisions: [recorded(7), recorded(8)] });
    expect(decision(t.sql, t.env, access(), decisionId(1))).toMatchObject({
      value: { ...recorded(1), obligations: [redacted, failed], further: [decisionId(7), decisionId(8)] },
    });
    expect(idsOf(t)).toEqual([decisionId(8), decisionId(7), decisionId(1)]);
    expect(t.entries().at(-1)).toMatchObject({
      kind: "task.closed",
      detail: { obligations: [redacted, failed], decisions: [decisionId(7), decisionId(8)] },
    });
    settledBy(t, 1, { obligations: [failed], decisions: [recorded(9)] });
    expect(decision(t.sql, t.env, access(), decisionId(1))).toMatchObject({
      value: { obligations: [redacted, failed] },
    });
    expect(idsOf(t)).toHaveLength(3);
    expectInvariants(t);
  });

  it("names what was decided on the way although it owed nothing, and loses nothing to a settlement that says nothing", () => {
    const t = openTenant();
    admitted(t, 1);
    settledBy(t, 1, { decisions: [recorded(7)] });
    expect(decision(t.sql, t.env, access(), decisionId(1))).toMatchObject({
      value: { obligations: null, further: [decisionId(7)] },
    });
    admitted(t, 2, { decision: { ...recorded(2), obligations: [redacted] } });
    settledBy(t, 2);
    expect(decision(t.sql, t.env, access(), decisionId(2))).toMatchObject({ value: { obligations: [redacted] } });
    settledBy(t, 2, { obligations: [failed] });
    admitted(t, 3);
    settledBy(t, 3, { obligations: [failed] });
    admitted(t, 4);
    expect(idsOf(t)).toEqual([4, 3, 2, 7, 1].map(decisionId));
  });

  it("is told of late settlements too", () => {
    const t = openTenant();
    admitted(t, 1);
    t.env.now = NOON + 60_000 + LIMITS.abandonGraceMs;
    sweep(t.sql, t.env);
    expect(settledBy(t, 1, { obligations: [redacted] })).toMatchObject({ value: { corrected: true } });
    expect(decision(t.sql, t.env, access(), decisionId(1))).toMatchObject({ value: { obligations: [redacted] } });
    expect(t.entries().at(-1)).toMatchObject({ kind: "task.corrected", detail: { obligations: [redacted] } });
  });

  it("never costs a settlement: what the ring has let go or would not keep is left out", () => {
    const t = openTenant();
    admitted(t, 1, { decision: undefined });
    const many = Array.from({ length: LIMITS.decisionsPerTaskMax + 4 }, (_, n) => recorded(100 + n));
    const long = recorded(99, "x".repeat(LIMITS.decisionRecordBytesMax + 1));
    const noted = { ...redacted, note: "n".repeat(4_096) };
    const outcome = settledBy(t, 1, {
      obligations: Array.from({ length: 500 }, () => noted),
      decisions: [long, ...many],
    });
    expect(outcome).toMatchObject({ ok: true });
    expect(idsOf(t)).toHaveLength(LIMITS.decisionsPerTaskMax);
    const { obligations } = t.entries().at(-1)?.detail ?? {};
    expect(obligations).toHaveLength(LIMITS.obligationOutcomesMax);
    expectInvariants(t);
  });
});
