import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { GivenVerdict } from "../../../shared/contracts/ports/approval-store.ts";
import {
  answering,
  asked,
  asking,
  DIGEST,
  given,
  idOf,
  LIFE_MS,
  wanted,
} from "../../../test/support/core-approvals.ts";
import { expectInvariants, openTenant, type TestTenant } from "../../../test/support/tenant-core.ts";
import { access, attribution, taskId } from "../../../test/support/tenant-fixtures.ts";
import {
  approval,
  change,
  decideApproval,
  findApproval,
  listApprovals,
  requestApproval,
  runApproval,
  sweep,
} from "../core.ts";

const kinds = (t: TestTenant) => t.entries().map(({ kind }) => kind);

describe("asking", () => {
  it("keeps and ledgers what waits, and answers the same request with it, so retries do not pile up", () => {
    const t = openTenant();
    const first = asked(t);
    expect(first).toMatchObject({ id: idOf(1), state: "pending", verdicts: [] });
    expect(asked(t, 2)).toEqual(first);
    expect(kinds(t).filter((kind) => kind === "approval.requested")).toHaveLength(1);
    expectInvariants(t);
  });

  it("under the same task is the same request, whatever became of it, so that a call that is decided again does not fail", () => {
    const t = openTenant();
    asked(t);
    const verdict = given({ verdict: "reject" });
    expect(decideApproval(t.sql, t.env, answering, idOf(1), verdict)).toMatchObject({ ok: true });
    const again = requestApproval(t.sql, t.env, asking, { ...wanted(t, 2), task: wanted(t, 1).task });
    expect(again).toMatchObject({ ok: true, value: { id: idOf(1), state: "rejected" } });
    expect(kinds(t).filter((kind) => kind === "approval.requested")).toHaveLength(1);
    expectInvariants(t);
  });

  it("holds a tenant to a bound of waiting requests", () => {
    const t = openTenant();
    for (let n = 0; n < LIMITS.approvalsPendingMax; n++)
      asked(t, n, { subject: { kind: "operation", digest: n.toString(16).padStart(64, "0") } });
    expect(requestApproval(t.sql, t.env, asking, wanted(t, 5_000))).toEqual({ ok: false, error: { reason: "limit" } });
  });
});

describe("a verdict", () => {
  it("is never the requester's own, whatever their credential, so nobody approves themselves", () => {
    const t = openTenant();
    asked(t);
    const own = decideApproval(t.sql, t.env, asking, idOf(1), given({ subject: "asker", credential: "key:9" }));
    expect(own).toEqual({ ok: false, error: { reason: "own_request" } });
  });

  it("is never by a credential that the requester made, nor over what was asked with one that the approver made", () => {
    const own = { ok: false, error: { reason: "own_request" } };
    const t = openTenant();
    asked(t, 1, { requester: { ...wanted(t, 1).requester, made_by: ["root", "maker"], acting_for: ["principal"] } });
    for (const members of [
      { made_by: ["root", "asker"] },
      { made_by: ["principal"] },
      { subject: "maker" },
      { acting_for: ["asker"] },
      { acting_for: ["maker"] },
    ])
      expect(decideApproval(t.sql, t.env, answering, idOf(1), given(members))).toEqual(own);
    // A common administrator made both keys: the two are still two.
    expect(decideApproval(t.sql, t.env, answering, idOf(1), given({ made_by: ["root"] }))).toMatchObject({
      ok: true,
      value: { state: "approved", verdicts: [{ subject: "checker", made_by: ["root"] }] },
    });
  });

  it("for the cell's layer is an operator's, although operators made the first key of every tenant", () => {
    const t = openTenant();
    asked(t, 1, {
      demands: [{ layer: "cell", approvers: 1, role: "approver", edit: false }],
      requester: { ...wanted(t, 1).requester, made_by: ["checker"] },
    });
    const verdict = given({ layers: ["cell", "tenant"] });
    expect(decideApproval(t.sql, t.env, answering, idOf(1), verdict)).toMatchObject({
      ok: true,
      value: { state: "approved" },
    });
  });

  it("takes somebody and the holder of a key that they made for one person", () => {
    const t = openTenant();
    asked(t, 1, { demands: [{ layer: "tenant", approvers: 2, role: "approver", edit: false }] });
    const state = (members: Partial<GivenVerdict>) => {
      const decided = decideApproval(t.sql, t.env, answering, idOf(1), given(members));
      return decided.ok ? decided.value.state : decided.error.reason;
    };
    expect(state({ subject: "puppet", made_by: ["root", "checker"] })).toBe("pending");
    expect(state({ subject: "checker", made_by: ["root"] })).toBe("pending");
    expect(state({ subject: "second", made_by: ["root"] })).toBe("approved");
  });

  it("counts only for a layer that asked and a role that was demanded", () => {
    const t = openTenant();
    asked(t, 1, { demands: [{ layer: "cell", approvers: 1, role: "approver", edit: false }] });
    for (const other of [given(), given({ layers: ["cell"], roles: ["admin"] })])
      expect(decideApproval(t.sql, t.env, answering, idOf(1), other)).toEqual({
        ok: false,
        error: { reason: "not_an_approver" },
      });
    expect(decideApproval(t.sql, t.env, answering, idOf(1), given({ layers: ["cell"] }))).toMatchObject({
      ok: true,
      value: { state: "approved" },
    });
  });

  it("takes two different people where two are demanded, and one person twice is one", () => {
    const t = openTenant();
    asked(t, 1, { demands: [{ layer: "tenant", approvers: 2, role: "approver", edit: false }] });
    for (let time = 0; time < 2; time++)
      expect(decideApproval(t.sql, t.env, answering, idOf(1), given({ credential: `key:${time}` }))).toMatchObject({
        ok: true,
        value: { state: "pending", verdicts: [{ subject: "checker", credential: `key:${time}` }] },
      });
    expect(decideApproval(t.sql, t.env, answering, idOf(1), given({ subject: "second" }))).toMatchObject({
      ok: true,
      value: { state: "approved", verdicts: [{ subject: "checker" }, { subject: "second" }] },
    });
    expect(kinds(t).filter((kind) => kind === "approval.approved")).toHaveLength(3);
  });

  it("is over what was seen: another digest changes nothing", () => {
    const t = openTenant();
    asked(t);
    expect(decideApproval(t.sql, t.env, answering, idOf(1), given({ digest: "b".repeat(64) }))).toEqual({
      ok: false,
      error: { reason: "digest_mismatch" },
    });
    expect(approval(t.sql, t.env, access(), idOf(1))).toMatchObject({ ok: true, value: { state: "pending" } });
  });

  it("may edit only where every demand allows it, and an edit starts the count anew under its own digest", () => {
    const t = openTenant();
    asked(t, 1, { demands: [{ layer: "tenant", approvers: 2, role: "approver", edit: true }] });
    decideApproval(t.sql, t.env, answering, idOf(1), given());
    const edited = "c".repeat(64);
    expect(decideApproval(t.sql, t.env, answering, idOf(1), given({ subject: "second", edited }))).toMatchObject({
      ok: true,
      value: { state: "pending", subject: { digest: edited }, verdicts: [{ subject: "second" }] },
    });
    const demand = { layer: "tenant", approvers: 1, role: "approver" } as const;
    for (const [n, demands] of [
      [2, [{ ...demand, edit: false }]],
      [
        3,
        [
          { ...demand, edit: true },
          { ...demand, layer: "cell", edit: false },
        ],
      ],
    ] as const) {
      asked(t, n, { subject: { kind: "operation", digest: `${n}`.repeat(64) }, demands: [...demands] });
      expect(decideApproval(t.sql, t.env, answering, idOf(n), given({ digest: `${n}`.repeat(64), edited }))).toEqual({
        ok: false,
        error: { reason: "not_an_approver" },
      });
    }
  });

  it("ends it when one rejects, and comes too late for what is decided", () => {
    const t = openTenant();
    asked(t);
    expect(decideApproval(t.sql, t.env, answering, idOf(1), given({ verdict: "reject" }))).toMatchObject({
      ok: true,
      value: { state: "rejected" },
    });
    expect(decideApproval(t.sql, t.env, answering, idOf(1), given({ subject: "second" }))).toEqual({
      ok: false,
      error: { reason: "not_pending", state: "rejected" },
    });
    expect(kinds(t).at(-1)).toBe("approval.rejected");
  });

  it("is refused under a compliance lock", () => {
    const t = openTenant();
    asked(t);
    change(t.sql, t.env, asking, { locked: true });
    const locked = { ...answering, access: access({ versions: { credential: 1, state: 2, policy: 1 } }) };
    expect(decideApproval(t.sql, t.env, locked, idOf(1), given())).toEqual({ ok: false, error: { reason: "locked" } });
  });
});

describe("its life", () => {
  it("ends at its hour for every reader, and the alarm ledgers that once", () => {
    const t = openTenant();
    asked(t);
    t.env.now += LIFE_MS;
    expect(approval(t.sql, t.env, access(), idOf(1))).toMatchObject({ ok: true, value: { state: "expired" } });
    expect(decideApproval(t.sql, t.env, answering, idOf(1), given())).toEqual({
      ok: false,
      error: { reason: "not_pending", state: "expired" },
    });
    sweep(t.sql, t.env);
    sweep(t.sql, t.env);
    expect(kinds(t).filter((kind) => kind === "approval.expired")).toHaveLength(1);
  });

  it("ends at that hour only while it waits: what was decided before stands, and is run", () => {
    const t = openTenant();
    asked(t, 1);
    decideApproval(t.sql, t.env, answering, idOf(1), given());
    asked(t, 2, { subject: { kind: "operation", digest: "d".repeat(64) } });
    const no = given({ digest: "d".repeat(64), verdict: "reject" });
    decideApproval(t.sql, t.env, answering, idOf(2), no);
    t.env.now += LIFE_MS;
    sweep(t.sql, t.env);
    const state = (n: number) => {
      const read = approval(t.sql, t.env, access(), idOf(n));
      return read.ok ? read.value.state : read.error.reason;
    };
    expect([state(1), state(2)]).toEqual(["approved", "rejected"]);
    expect(kinds(t)).not.toContain("approval.expired");
    expect(runApproval(t.sql, t.env, taskId(1), { to: "running" }, attribution())).toMatchObject({ ok: true });
  });
});

describe("a run", () => {
  it("begins only after approval and ends once, with its outcome in the ledger", () => {
    const t = openTenant();
    asked(t);
    const by = attribution();
    const early = runApproval(t.sql, t.env, taskId(1), { to: "running" }, by);
    expect(early).toEqual({ ok: false, error: { reason: "not_approved" } });
    decideApproval(t.sql, t.env, answering, idOf(1), given());
    expect(runApproval(t.sql, t.env, taskId(1), { to: "running" }, by)).toMatchObject({ value: { state: "running" } });
    const done = { to: "done", outcome: { status: 200, code: null } } as const;
    for (let time = 0; time < 2; time++)
      expect(runApproval(t.sql, t.env, taskId(1), done, by)).toMatchObject({ value: { state: "done" } });
    expect(kinds(t).filter((kind) => kind === "approval.executed")).toHaveLength(1);
  });

  it("is begun by one runner alone, so that one whose lease ran out does nothing a second time", () => {
    const t = openTenant();
    asked(t);
    const by = attribution();
    decideApproval(t.sql, t.env, answering, idOf(1), given());
    const begin = () => runApproval(t.sql, t.env, taskId(1), { to: "running" }, by);
    expect(begin()).toMatchObject({ value: { state: "running" } });
    expect(begin()).toEqual({ ok: false, error: { reason: "not_approved" } });
    runApproval(t.sql, t.env, taskId(1), { to: "done", outcome: { status: 200, code: null } }, by);
    expect(begin()).toEqual({ ok: false, error: { reason: "not_approved" } });
  });

  it("is found again by the key of the request that asked, and by no other", () => {
    const t = openTenant();
    asked(t, 1, { key_hash: "k1" });
    decideApproval(t.sql, t.env, answering, idOf(1), given());
    const find = (key_hash: string | null) =>
      findApproval(t.sql, t.env, access(), { digest: DIGEST, subject: "asker", key_hash });
    expect(find("k1")).toMatchObject({ ok: true, value: { id: idOf(1), state: "approved" } });
    expect([find("k2"), find(null)]).toEqual([
      { ok: true, value: null },
      { ok: true, value: null },
    ]);
  });
});

describe("a list", () => {
  it("is newest first, in pages, by state and by requester", () => {
    const t = openTenant();
    for (let n = 1; n <= 3; n++) asked(t, n, { subject: { kind: "operation", digest: `${n}`.repeat(64) } });
    decideApproval(t.sql, t.env, answering, idOf(2), given({ digest: "2".repeat(64), verdict: "reject" }));
    const page = (members: object) =>
      listApprovals(t.sql, t.env, access(), { state: null, subject: null, before: null, limit: 2, ...members });
    expect(page({})).toMatchObject({ value: { approvals: [{ id: idOf(3) }, { id: idOf(2) }], next: idOf(2) } });
    expect(page({ before: idOf(2) })).toMatchObject({ value: { approvals: [{ id: idOf(1) }], next: null } });
    expect(page({ state: "rejected" })).toMatchObject({ value: { approvals: [{ id: idOf(2) }] } });
    expect(page({ subject: "nobody" })).toEqual({ ok: true, value: { approvals: [], next: null } });
  });
});
