import { describe, expect, it } from "vitest";
import { AskedOfRun } from "../../../shared/contracts/approval.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { answering, asked, DIGEST, decided, given, idOf, LIFE_MS } from "../../../test/support/core-approvals.ts";
import { policyInput } from "../../../test/support/policy-input.ts";
import { openTenant, type TestTenant } from "../../../test/support/tenant-core.ts";
import { access, attribution, taskId } from "../../../test/support/tenant-fixtures.ts";
import {
  approval,
  approvalByTask,
  change,
  decideApproval,
  findApproval,
  listApprovals,
  runApproval,
  sweep,
} from "../core.ts";

const runner = attribution({ subject: "runner" });
const step = (t: TestTenant, to: Parameters<typeof runApproval>[3], n = 1) =>
  runApproval(t.sql, t.env, taskId(n), to, runner);
const stateAfter = (t: TestTenant, to: Parameters<typeof runApproval>[3]) => {
  const after = step(t, to);
  return after.ok ? after.value.state : after.error.reason;
};
const DONE = { to: "done", outcome: { status: 200, code: null } } as const;
/** What every entry about the fixture's approval says, beside its own. */
const about = { approval: idOf(1), digest: DIGEST, operation: "chat.completions.create" };
const last = (t: TestTenant) => {
  const entry = t.entries().at(-1);
  return { kind: entry?.kind, outcome: entry?.outcome, subject: entry?.subject, detail: entry?.detail };
};

describe("the ledger tells of an approval, so that who asked, who allowed and what came of it stands for ever:", () => {
  it("what was asked, of whom, and until when", () => {
    const t = openTenant();
    const { expires_ms } = asked(t);
    const demands = [{ layer: "tenant", approvers: 1, role: "approver", edit: false }];
    expect(last(t)).toEqual({
      ...{ kind: "approval.requested", outcome: "pending", subject: "asker" },
      detail: { ...about, reasons: ["restricted_data"], demands, expires_ms },
    });
    expect(t.entries().at(-1)).toMatchObject({ task: taskId(1), action: "inference:create" });
  });

  it("each verdict with its layers, and that there was a comment, which itself may hold content and stays out", () => {
    for (const comment of [null, "seen by two"]) {
      const t = openTenant();
      asked(t);
      decided(t, 1, { comment });
      expect(last(t)).toEqual({
        ...{ kind: "approval.approved", outcome: "success", subject: "checker" },
        detail: { ...about, state: "approved", layers: ["tenant"], comment: comment !== null },
      });
    }
    const t = openTenant();
    asked(t);
    decided(t, 1, { verdict: "reject" });
    expect(last(t)).toMatchObject({ kind: "approval.rejected", detail: { ...about, state: "rejected" } });
  });

  it("an edit by what was seen and what it was made", () => {
    const t = openTenant();
    asked(t, 1, { demands: [{ layer: "tenant", approvers: 1, role: "approver", edit: true }] });
    const edited = "e".repeat(64);
    decided(t, 1, { edited });
    expect(last(t)).toMatchObject({
      kind: "approval.edited",
      detail: { approval: idOf(1), digest: edited, seen_digest: DIGEST, state: "approved" },
    });
  });

  it("how the run ended, as a success or as the failure that it was", () => {
    for (const [outcome, as] of [
      [{ status: 200, code: null }, "success"],
      [{ status: 503, code: "engine-unavailable" }, "failure"],
    ] as const) {
      const t = openTenant();
      asked(t);
      decided(t);
      step(t, { to: "running" });
      step(t, { to: "done", outcome });
      expect(last(t)).toEqual({
        ...{ kind: "approval.executed", outcome: as, subject: "runner" },
        detail: { ...about, ...outcome },
      });
    }
  });

  it("that it ran out, in the name of who had asked", () => {
    const t = openTenant();
    asked(t);
    t.env.now += LIFE_MS;
    sweep(t.sql, t.env);
    expect(last(t)).toEqual({ kind: "approval.expired", outcome: "failure", subject: "asker", detail: about });
  });

  it("a verdict that a lock refused, by its action", () => {
    const t = openTenant();
    asked(t);
    change(t.sql, t.env, { access: access(), by: attribution() }, { locked: true });
    const locked = { ...answering, access: access({ versions: { credential: 1, state: 2, policy: 1 } }) };
    decideApproval(t.sql, t.env, locked, idOf(1), given());
    expect(t.entries().at(-1)).toMatchObject({ kind: "call.refused", action: "approval:decide" });
  });
});

describe("the same request again", () => {
  it("waits anew once the one before was refused, ran out or was run, so that no old answer stands for a new question", () => {
    const ends: ((t: TestTenant) => unknown)[] = [
      (t) => decided(t, 1, { verdict: "reject" }),
      (t) => {
        t.env.now += LIFE_MS;
      },
      (t) => [decided(t), step(t, { to: "running" }), step(t, DONE)],
    ];
    for (const end of ends) {
      const t = openTenant();
      asked(t);
      end(t);
      expect(asked(t, 2)).toMatchObject({ id: idOf(2), state: "pending" });
    }
  });

  it("is found while it waits by whoever asked, and afterwards by its own key alone, whatever became of it but a refusal", () => {
    const t = openTenant();
    const find = (key_hash: string | null) => {
      const found = findApproval(t.sql, t.env, access(), { digest: DIGEST, subject: "asker", key_hash });
      return found.ok ? (found.value?.state ?? null) : found.error.reason;
    };
    asked(t, 1, { key_hash: "k1" });
    expect([find("k1"), find("k2"), find(null)]).toEqual(["pending", "pending", "pending"]);
    decided(t);
    step(t, { to: "running" });
    expect([find("k1"), find("k2"), find(null)]).toEqual(["running", null, null]);
    step(t, DONE);
    expect([find("k1"), find("k2"), find(null)]).toEqual(["done", null, null]);

    const without = openTenant();
    asked(without);
    decided(without);
    const query = { digest: DIGEST, subject: "asker", key_hash: null };
    expect(findApproval(without.sql, without.env, access(), query)).toEqual({ ok: true, value: null });

    const refused = openTenant();
    asked(refused, 1, { key_hash: "k1" });
    decided(refused, 1, { verdict: "reject" });
    expect(findApproval(refused.sql, refused.env, access(), { ...query, key_hash: "k1" })).toEqual({
      ok: true,
      value: null,
    });
  });
});

describe("a run of what was approved", () => {
  it("is given back only by who began it, and begun again from there", () => {
    const t = openTenant();
    asked(t);
    expect(stateAfter(t, { to: "approved" })).toBe("not_approved");
    decided(t);
    expect(stateAfter(t, { to: "approved" })).toBe("not_approved");
    expect(stateAfter(t, { to: "running" })).toBe("running");
    expect(stateAfter(t, { to: "approved" })).toBe("approved");
    expect(stateAfter(t, { to: "running" })).toBe("running");
    expect(stateAfter(t, DONE)).toBe("done");
    expect(stateAfter(t, { to: "approved" })).toBe("not_approved");
  });

  it("ends nothing that was never approved, so that no outcome is told of what was refused", () => {
    const t = openTenant();
    asked(t);
    expect(stateAfter(t, DONE)).toBe("not_approved");
    decided(t, 1, { verdict: "reject" });
    expect(stateAfter(t, DONE)).toBe("not_approved");
    expect(t.kinds()).not.toContain("approval.executed");
  });

  it("keeps what policy was asked about it, so that a later runner is decided by the same facts", () => {
    const t = openTenant();
    asked(t);
    decided(t);
    const { candidates, features, intent, markings, privacy, purpose } = policyInput();
    const classification = "confidential";
    const facts = AskedOfRun.parse({ candidates, classification, features, intent, markings, privacy, purpose });
    step(t, { to: "running", asked: facts });
    const kept = approval(t.sql, t.env, access(), idOf(1));
    expect(kept.ok && kept.value.asked).toEqual(facts);
  });
});

describe("a request that was refused often", () => {
  it("waits once, however many of it there were, so that no approver answers the same question twice", () => {
    const t = openTenant();
    for (let n = 1; n <= 20; n++) {
      asked(t, n);
      decided(t, n, { verdict: "reject" });
      t.env.now++;
    }
    expect([asked(t, 21).id, asked(t, 22).id]).toEqual([idOf(21), idOf(21)]);
  });

  it("counts against the bound of what waits only while it does", () => {
    const t = openTenant();
    const own = (n: number) => ({ subject: { kind: "operation" as const, digest: n.toString(16).padStart(64, "0") } });
    t.sql.enter();
    for (let n = 1; n <= LIMITS.approvalsPendingMax; n++) asked(t, n, own(n));
    t.sql.leave();
    expect(() => asked(t, 2_000, own(2_000))).toThrow("limit");
    decided(t, 1, { digest: own(1).subject.digest });
    expect(asked(t, 2_000, own(2_000)).state).toBe("pending");
    expect(() => asked(t, 2_001, own(2_001))).toThrow("limit");
    t.env.now += LIFE_MS;
    expect(asked(t, 2_001, own(2_001)).state).toBe("pending");
  });
});

describe("whoever reads approvals", () => {
  it("is refused once their access has changed, so that a revoked key learns of none", () => {
    const t = openTenant();
    asked(t);
    const stale = access();
    change(t.sql, t.env, { access: access(), by: attribution() }, { name: "Other" });
    const refused = { ok: false, error: { reason: "stale", which: "state" } };
    const page = { state: null, subject: null, before: null, limit: 2 };
    expect(approval(t.sql, t.env, stale, idOf(1))).toMatchObject(refused);
    expect(approvalByTask(t.sql, t.env, stale, taskId(1))).toMatchObject(refused);
    expect(listApprovals(t.sql, t.env, stale, page)).toMatchObject(refused);
    expect(findApproval(t.sql, t.env, stale, { digest: DIGEST, subject: "asker", key_hash: null })).toMatchObject(
      refused,
    );
  });

  it("is told of one that is not there, by whatever name, and nothing is decided or run", () => {
    const t = openTenant();
    const none = { ok: false, error: { reason: "not_found" } };
    expect(approval(t.sql, t.env, access(), idOf(9))).toEqual(none);
    expect(approvalByTask(t.sql, t.env, access(), taskId(9))).toEqual(none);
    expect(decideApproval(t.sql, t.env, answering, idOf(9), given())).toEqual(none);
    expect(step(t, { to: "running" }, 9)).toEqual(none);
    asked(t);
    expect(approvalByTask(t.sql, t.env, access(), taskId(1))).toMatchObject({ ok: true, value: { id: idOf(1) } });
  });

  it("gets a next page only where there is one, behind the last that was shown", () => {
    const t = openTenant();
    for (let n = 1; n <= 4; n++) asked(t, n, { subject: { kind: "operation", digest: `${n}`.repeat(64) } });
    const next = (limit: number, before: string | null = null) => {
      const page = listApprovals(t.sql, t.env, access(), { state: null, subject: null, before, limit });
      return page.ok ? page.value.next : page.error.reason;
    };
    expect([next(1), next(3), next(4), next(5), next(2, idOf(3))]).toEqual([idOf(4), idOf(2), null, null, null]);
  });

  it("sees each in one state: what waits, what ran out unheard, and what was decided although its hour is over", () => {
    const t = openTenant();
    for (const n of [1, 2, 3]) asked(t, n, { subject: { kind: "operation", digest: `${n}`.repeat(64) } });
    decided(t, 1, { digest: "1".repeat(64) });
    decided(t, 2, { digest: "2".repeat(64), verdict: "reject" });
    const ids = () =>
      (["pending", "approved", "rejected", "expired"] as const).map((state) => {
        const page = listApprovals(t.sql, t.env, access(), { state, subject: null, before: null, limit: 9 });
        return page.ok ? page.value.approvals.map(({ id }) => id) : page.error.reason;
      });
    expect(ids()).toEqual([[idOf(3)], [idOf(1)], [idOf(2)], []]);
    t.env.now += LIFE_MS - 1;
    expect(ids()).toEqual([[idOf(3)], [idOf(1)], [idOf(2)], []]);
    t.env.now++;
    expect(ids()).toEqual([[], [idOf(1)], [idOf(2)], [idOf(3)]]);
  });
});
