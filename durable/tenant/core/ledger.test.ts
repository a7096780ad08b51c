import { describe, expect, it } from "vitest";
import type { LedgerKind } from "../../../shared/contracts/ledger.ts";
import { expectInvariants, NOON, openTenant } from "../../../test/support/tenant-core.ts";
import {
  access,
  admitRequest,
  attribution,
  KID,
  settleRequest,
  taskId,
} from "../../../test/support/tenant-fixtures.ts";
import { ledgerPage, record, revokeKey } from "../core.ts";

describe("ledger", () => {
  it("is canonical whatever the edge attaches, so that anybody can recompute its hashes", () => {
    const t = openTenant();
    const detail = { z: [3, { b: 1, a: -0 }], "10": 1e21, "9": 0.1, é: "\u2028\u007f\u0000", a: null };
    t.admit(admitRequest(taskId(1), NOON, { detail, by: attribution({ subject: 'user:"quoted"\\' }) }));
    t.settle(settleRequest(taskId(1), { detail: { unsorted: 1, also: { y: 1, x: 2 } } }));
    expectInvariants(t);
  });

  it("repairs what I-JSON cannot carry, so a settlement is never lost to a broken character", () => {
    const t = openTenant();
    const by = attribution({ subject: "user:\ud800" });
    t.admit(admitRequest(taskId(1), NOON, { by, detail: { bad: "\udfff", worse: Number.NaN } }));
    t.settle(settleRequest(taskId(1), { by, detail: { "key\ud800": "x" } }));
    expect(
      t
        .entries()
        .slice(-2)
        .map(({ subject }) => subject),
    ).toEqual(["user:\ufffd", "user:\ufffd"]);
    expect(t.entries().at(-2)?.detail.call).toEqual({ bad: "\ufffd", worse: null });
    expectInvariants(t);
  });

  it("replaces an attachment that does not fit by its digest, so that size never blocks a settlement", () => {
    const t = openTenant();
    t.admit(admitRequest(taskId(1), NOON, { detail: { big: "x".repeat(70_000) } }));
    t.settle(settleRequest(taskId(1), { detail: { big: "é".repeat(40_000) } }));
    for (const entry of t.entries().slice(-2)) expect(entry.detail.call).toMatchObject({ omitted: "oversize" });
    expect(t.entries().at(-1)?.detail.cost_nusd).toBe(1_450_000);
    expectInvariants(t);
  });

  it("tells each entry's own time, and none before the one before it, whatever the clock does", () => {
    const t = openTenant();
    for (const [n, ms] of [5, 5, -3_600_000, 7].entries()) {
      t.env.now = NOON + ms;
      t.admit(admitRequest(taskId(n), t.env.now));
    }
    const times = [5, 5, 5, 7].map((ms) => new Date(NOON + ms).toISOString());
    expect(
      t
        .entries()
        .slice(-4)
        .map(({ at }) => at),
    ).toEqual(times);
    expect(t.sql.all("SELECT at_ms FROM ledger ORDER BY seq DESC LIMIT 4").map(({ at_ms }) => at_ms)).toEqual(
      [7, 5, 5, 5].map((ms) => NOON + ms),
    );
    expectInvariants(t);
  });

  it("keeps well-formed words that look like an escape as they are, so that no caller's text is changed for its spelling", () => {
    const t = openTenant();
    const [subject, said] = ["user:\\ud800", { said: "\\ud800", smile: "\u{1f600}" }];
    t.admit(admitRequest(taskId(1), NOON, { by: attribution({ subject }), detail: said }));
    expect(t.entries().at(-1)).toMatchObject({ subject, detail: { call: said } });
    expectInvariants(t);
  });

  it("takes nothing whose attribution alone is larger than an entry, and keeps nothing of it", () => {
    const t = openTenant();
    const from = t.entries().length;
    const by = attribution({ subject: "x".repeat(70_000) });
    expect(() => t.admit(admitRequest(taskId(1), NOON, { by }))).toThrow(RangeError);
    expect([t.entries().length, t.sql.get("SELECT count(*) AS n FROM task")?.n]).toEqual([from, 0]);
    t.admit(admitRequest(taskId(2), NOON));
    expectInvariants(t);
  });

  it("records what happened elsewhere once per dedupe, so a repeated outbox leaves one entry", () => {
    const t = openTenant();
    const entry = {
      kind: "data.changed",
      action: "projects:create",
      by: attribution(),
      detail: { id: "p" },
      dedupe: "d",
    } as const;
    const first = record(t.sql, t.env, entry);
    expect(record(t.sql, t.env, entry)).toEqual(first);
    expect(t.kinds().filter((kind) => kind === "data.changed").length).toBe(1);
    expect(() => record(t.sql, t.env, { ...entry, kind: "task.closed" })).toThrow(RangeError);
    expectInvariants(t);
  });

  it("records an outcome as it was told, and otherwise as the kind says, so that no refusal reads as a success", () => {
    const t = openTenant();
    const recorded = (kind: LedgerKind, outcome?: "success" | "failure" | "pending") => {
      const members = { kind, action: "a:b", by: attribution(), detail: {}, dedupe: `${kind} ${outcome}` };
      record(t.sql, t.env, outcome === undefined ? members : { ...members, outcome });
      return t.entries().at(-1)?.outcome;
    };
    expect([recorded("authentication.failed"), recorded("call.refused")]).toEqual(["failure", "failure"]);
    expect([recorded("data.changed"), recorded("data.read")]).toEqual(["success", "success"]);
    expect([recorded("data.changed", "pending"), recorded("data.changed", "failure")]).toEqual(["pending", "failure"]);
    expect(recorded("call.refused", "success")).toBe("success");
  });

  it("takes from outside no entry that only the object's own steps may write, so that nobody's word is taken for its own", () => {
    const t = openTenant();
    const from = t.entries().length;
    for (const kind of [
      "task.opened",
      "task.corrected",
      "ledger.halted",
      "ledger.resumed",
      "tenant.provisioned",
    ] as const)
      expect(() => record(t.sql, t.env, { kind, action: "a:b", by: attribution(), detail: {}, dedupe: kind })).toThrow(
        RangeError,
      );
    expect(t.entries()).toHaveLength(from);
  });

  it("is not read by a key that was revoked, whatever its edge still knows of it", () => {
    const t = openTenant();
    const operator = {
      access: access({ kid: null, versions: { credential: 0, state: 1, policy: 1 } }),
      by: attribution(),
    };
    revokeKey(t.sql, t.env, operator, KID);
    expect(ledgerPage(t.sql, t.env, access(), { from: 0, limit: 1 })).toEqual({
      ok: false,
      error: { reason: "unknown_credential" },
    });
  });

  it("answers pages with size and head of one instant, so a reader can follow the chain to its end", () => {
    const t = openTenant();
    for (let n = 0; n < 150; n++) t.admit(admitRequest(taskId(n), NOON));
    const page = ledgerPage(t.sql, t.env, access(), { from: 100, limit: 1_000 });
    if (!page.ok) throw new Error("refused");
    expect([page.value.entries.length, page.value.entries[0]?.seq, page.value.size]).toEqual([52, 100, 152]);
    expect(page.value.head).toBe(t.sql.get("SELECT hash FROM ledger WHERE seq = 151")?.hash);
    expect(ledgerPage(t.sql, t.env, access(), { from: 0, limit: 1_000 })).toMatchObject({
      value: { entries: { length: 100 } },
    });
  });
});
