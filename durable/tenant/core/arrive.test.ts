import { describe, expect, it } from "vitest";
import type { WorkspacePin } from "../../../shared/contracts/workspace-pin.ts";
import { NOON, openTenant, type TestTenant } from "../../../test/support/tenant-core.ts";
import {
  access,
  admitRequest,
  attribution,
  KID,
  kidOf,
  newKey,
  settleRequest,
  taskId,
} from "../../../test/support/tenant-fixtures.ts";
import { migrate, SchemaTooNew } from "../../runtime/migrate.ts";
import { openMemorySql } from "../../runtime/node-sql.ts";
import { dumpRows } from "../../runtime/object-rows.ts";
import type { Sql } from "../../runtime/sql.ts";
import {
  arrive,
  change,
  complete,
  discard,
  holdsEntries,
  leave,
  lookup,
  moveOf,
  settleIn,
  writePart,
} from "../core.ts";
import { TENANT_MIGRATIONS } from "../migrations.ts";
import { isWritten } from "./arrive.ts";

const MOVE = { id: "0".repeat(26), from: "eu1", to: "eu2" };
const MANIFEST = "ab".repeat(32);
const EXISTS = { ok: false, error: { reason: "exists" } };
const NOT_ARRIVING = { ok: false, error: { reason: "not_arriving" } };
const env = { now: NOON, mint: () => "0".repeat(26) };
const by = attribution();

const arriving = (sql: Sql, manifest = MANIFEST) => arrive(sql, env, TENANT_MIGRATIONS, { ...MOVE, manifest });
function empty(): Sql {
  const sql = openMemorySql();
  migrate(sql, TENANT_MIGRATIONS);
  return sql;
}
const partOf = (t: TestTenant) =>
  dumpRows(t.sql, null, Number.POSITIVE_INFINITY, { first: ["tenant"], last: [] }).tables;
/** Every row of a tenant is written, and nothing was compared. */
function written(t: TestTenant): Sql {
  const sql = empty();
  arriving(sql);
  expect(writePart(sql, 0, partOf(t), "bmV3")).toEqual({ ok: true, value: null });
  return sql;
}
const rowOf = (sql: Sql, table: string) => sql.get(`SELECT * FROM ${table}`);

describe("what a tenant brings along", () => {
  it("makes nobody an operator here who was one where it came from", () => {
    const t = openTenant({ keys: [newKey({ cell_operator: true }), newKey({ kid: kidOf(2) })] });
    expect(lookup(t.sql, KID).key?.cell_operator).toBe(true);
    const sql = written(t);
    for (const kid of [KID, kidOf(2)])
      expect(lookup(sql, kid).key).toEqual({ ...lookup(t.sql, kid).key, cell_operator: false });
  });

  it("is under this cell's data key, not delivered to its read models yet, and not in its archive", () => {
    const t = openTenant();
    t.sql.run("UPDATE tenant SET feed_seq = 2, feed_failures = 3, feed_retry_ms = 9");
    t.sql.run("UPDATE log_checkpoint SET version = 'v7', size = 2, note = 'n'");
    const sql = written(t);
    const here = { data_key: "bmV3", feed_seq: 0, feed_failures: 0, feed_retry_ms: 0 };
    expect(rowOf(sql, "tenant")).toEqual({ ...rowOf(t.sql, "tenant"), ...here });
    expect(rowOf(sql, "log_checkpoint")).toEqual({ ...rowOf(t.sql, "log_checkpoint"), version: null });
  });

  it("says nothing of the move itself, so that no archive makes its tenant live", () => {
    const t = openTenant();
    leave(t.sql, t.env, { ...MOVE, listed: false }, by);
    t.sql.run("INSERT INTO move_part (n, position) VALUES (0, 'null')");
    expect(partOf(t).map(({ table }) => table)).toEqual(expect.arrayContaining(["move", "move_part"]));
    const sql = written(t);
    expect(sql.all("SELECT * FROM move_part")).toEqual([]);
    expect(moveOf(sql)).toMatchObject({ phase: "arriving", manifest: MANIFEST, applied: 1 });
  });
});

describe("a tenant that settled in", () => {
  it("keeps older releases away from its pins as it did at home, and has its arrival on record", () => {
    const t = openTenant();
    const to: WorkspacePin = { privacy: "local-only", jurisdictions: ["eu"], providers: null };
    const pin = { workspace: "research", to };
    expect(change(t.sql, t.env, { access: access(), by }, { pin }).ok).toBe(true);
    const sql = written(t);
    sql.run("UPDATE move SET phase = 'arrived'");
    const receipt = { move: MOVE.id, from: MOVE.from, to: MOVE.to, manifest: MANIFEST, size: 3, root: "", version: 1 };
    expect(settleIn(sql, env, receipt, by)).toEqual({ ok: true, value: null });
    expect(() =>
      migrate(
        sql,
        TENANT_MIGRATIONS.filter(({ id }) => id < 10),
      ),
    ).toThrow(SchemaTooNew);
    const last = sql.get<{ body: string }>("SELECT body FROM ledger ORDER BY seq DESC LIMIT 1");
    expect(JSON.parse(last?.body ?? "null")).toMatchObject({
      ...{ kind: "tenant.arrived", outcome: "success", action: "tenant:create" },
    });
  });
});

describe("the parts of an archive", () => {
  it("are written in their order, each once", () => {
    const t = openTenant();
    const sql = empty();
    arriving(sql);
    expect([isWritten(sql), isWritten(t.sql)]).toEqual([false, true]);
    expect(() => writePart(sql, 1, partOf(t), "bmV3")).toThrow("parts come in order");
    expect(writePart(sql, 0, partOf(t), "bmV3").ok).toBe(true);
    expect(writePart(sql, 0, partOf(t), "b3RoZXI").ok).toBe(true);
    expect([isWritten(sql), moveOf(sql)?.applied, lookup(sql, null).state.data_key]).toEqual([true, 1, "bmV3"]);
  });

  it("are written over no tenant that lives, leaves or has arrived here", () => {
    const live = openTenant();
    const leaves = openTenant();
    leave(leaves.sql, leaves.env, { ...MOVE, listed: false }, by);
    const arrived = written(openTenant());
    arrived.run("UPDATE move SET phase = 'arrived'");
    for (const sql of [live.sql, leaves.sql, arrived]) {
      const before = dumpRows(sql, null, Number.POSITIVE_INFINITY).tables;
      expect(writePart(sql, 0, partOf(openTenant()), "bmV3")).toEqual(NOT_ARRIVING);
      expect(dumpRows(sql, null, Number.POSITIVE_INFINITY).tables).toEqual(before);
    }
    expect(complete(live.sql, { size: 2, root: "" }, "acme1")).toEqual(NOT_ARRIVING);
    expect(complete(leaves.sql, { size: 3, root: "" }, "acme1")).toEqual(NOT_ARRIVING);
  });

  it("are compared entry by entry: one that differs is seen among those that do not", () => {
    const t = openTenant();
    t.admit(admitRequest(taskId(1), NOON));
    t.settle(settleRequest(taskId(1)));
    const texts = t.sql.all<{ body: string }>("SELECT body FROM ledger ORDER BY seq").map(({ body }) => body);
    expect([texts.length, holdsEntries(t.sql, 0, texts), holdsEntries(t.sql, 1, texts.slice(1, 3))]).toEqual([
      4,
      true,
      true,
    ]);
    for (const at of texts.keys())
      expect(
        holdsEntries(
          t.sql,
          0,
          texts.map((text, n) => (n === at ? `${text} ` : text)),
        ),
      ).toBe(false);
    t.sql.run("UPDATE ledger SET hash = ? WHERE seq = 2", "0".repeat(64));
    expect([holdsEntries(t.sql, 0, texts), holdsEntries(t.sql, 0, texts.slice(0, 2))]).toEqual([false, true]);
  });
});

describe("a tenant arrives", () => {
  it("where nothing of it is, or where the same archive is being written or was, and over no tenant that leaves", () => {
    const sql = empty();
    expect(arriving(sql)).toEqual({ ok: true, value: { applied: 0 } });
    writePart(sql, 0, partOf(openTenant()), "bmV3");
    expect([arriving(sql), arriving(sql, "cd".repeat(32))]).toEqual([{ ok: true, value: { applied: 1 } }, EXISTS]);
    sql.run("UPDATE move SET phase = 'arrived'");
    expect([arriving(sql), arriving(sql, "cd".repeat(32))]).toEqual([{ ok: true, value: { applied: 1 } }, EXISTS]);
    const leaves = openTenant();
    leave(leaves.sql, leaves.env, { ...MOVE, listed: false }, by);
    const before = leaves.entries();
    for (const phase of ["leaving", "frozen"]) {
      leaves.sql.run("UPDATE move SET phase = ?", phase);
      expect(arriving(leaves.sql)).toEqual(EXISTS);
    }
    expect(leaves.entries()).toEqual(before);
  });

  it("not after all: what was written of it goes, and nothing else ever does", () => {
    for (const phase of ["arriving", "arrived"]) {
      const sql = written(openTenant());
      sql.run("UPDATE move SET phase = ?", phase);
      expect(discard(sql)).toEqual({ ok: true, value: null });
      expect(sql.all("SELECT name FROM sqlite_master WHERE name = 'tenant'")).toEqual([]);
    }
    const live = openTenant();
    const leaves = openTenant();
    leave(leaves.sql, leaves.env, { ...MOVE, listed: false }, by);
    expect([discard(live.sql), discard(leaves.sql)]).toEqual([NOT_ARRIVING, NOT_ARRIVING]);
    expect([live.entries().length, leaves.entries().length]).toEqual([2, 3]);
  });
});
