import { afterEach, describe, expect, it } from "vitest";
import type { RowsCursor, TableRows } from "../../../shared/contracts/tenant-move.ts";
import { LogLab, TENANT } from "../../../test/support/log-lab.ts";
import { MemoryObjectStore } from "../../../test/support/memory-object-store.ts";
import { openTenant } from "../../../test/support/tenant-core.ts";
import { access, admitRequest, attribution, settleRequest, taskId } from "../../../test/support/tenant-fixtures.ts";
import { dropEverything, migrate, SchemaTooNew } from "../../runtime/migrate.ts";
import { dumpRows, schemaOf } from "../../runtime/object-rows.ts";
import type { Sql } from "../../runtime/sql.ts";
import {
  admit,
  arrive,
  change,
  complete,
  discard,
  freeze,
  holdsEntries,
  leave,
  lookup,
  moveOf,
  nextDue,
  noteArchive,
  record,
  release,
  settle,
  settleIn,
  stay,
  sweep,
  writePart,
} from "../core.ts";
import { TENANT_MIGRATIONS } from "../migrations.ts";
import { TenantFrozen } from "./move-state.ts";

const MOVE = { id: "0".repeat(26), from: "eu1", to: "eu2", listed: false };
const MANIFEST = "ab".repeat(32);
const labs: LogLab[] = [];
afterEach(() => {
  for (const lab of labs.splice(0)) lab.close();
});

function place(store?: MemoryObjectStore): { lab: LogLab; archive: MemoryObjectStore } {
  let archive = store;
  const lab = new LogLab((now) => {
    archive ??= new MemoryObjectStore(now);
    return archive;
  });
  labs.push(lab);
  if (!archive) throw new Error("no archive");
  return { lab, archive };
}

/** A place where no tenant is. */
function empty(archive: MemoryObjectStore): LogLab {
  const { lab } = place(archive);
  dropEverything(lab.sql);
  migrate(lab.sql, TENANT_MIGRATIONS);
  return lab;
}

/** Everything, in pieces as small as they come. */
function dumped(sql: Sql): TableRows[][] {
  const parts: TableRows[][] = [];
  let cursor: RowsCursor | null = null;
  do {
    const page = dumpRows(sql, cursor, 1, { first: ["tenant"], last: ["log", "log_checkpoint"] });
    parts.push(page.tables);
    cursor = page.next;
  } while (cursor !== null);
  return parts;
}

async function frozen(entries = 700) {
  const { lab, archive } = place();
  lab.append(entries);
  const left = leave(lab.sql, lab.env, MOVE, attribution());
  if (!left.ok) throw new Error(left.error.reason);
  await lab.settle();
  const tenant = freeze(lab.sql, lab.env);
  if (!tenant.ok) throw new Error(tenant.error.reason);
  return { lab, archive, tenant: tenant.value };
}

async function moved() {
  const { lab, archive, tenant } = await frozen();
  const target = empty(archive);
  target.env.now = lab.env.now + 1_000;
  const parts = dumped(lab.sql);
  noteArchive(lab.sql, MOVE.id, MANIFEST);
  expect(arrive(target.sql, target.env, TENANT_MIGRATIONS, { ...MOVE, manifest: MANIFEST })).toMatchObject({
    ok: true,
  });
  for (const [n, tables] of parts.entries())
    expect(writePart(target.sql, n, tables, "bmV3")).toEqual({ ok: true, value: null });
  return { lab, archive, target, tenant, parts };
}

const receiptOf = ({ size, root }: { size: number; root: string }) => ({
  ...{ move: MOVE.id, from: "eu1", to: "eu2", manifest: MANIFEST, size, root, version: 7 },
});

describe("a tenant that leaves", () => {
  it("is admitted nothing, and what runs is still settled, so that no answer is lost to a move", () => {
    const tenant = openTenant();
    expect(tenant.admit(admitRequest(taskId(1), tenant.env.now)).ok).toBe(true);
    expect(leave(tenant.sql, tenant.env, MOVE, attribution())).toMatchObject({ ok: true, value: { phase: "leaving" } });
    const state = { credential: 1, state: 2, policy: 1 };
    const late = { ...admitRequest(taskId(2), tenant.env.now), access: access({ versions: state }) };
    expect(tenant.admit(late)).toMatchObject({ ok: false, error: { reason: "ledger_halted" } });
    expect(tenant.admit(admitRequest(taskId(3), tenant.env.now))).toMatchObject({ error: { reason: "stale" } });
    expect(freeze(tenant.sql, tenant.env)).toMatchObject({ error: { reason: "busy", tasks: 1 } });
    expect(tenant.settle(settleRequest(taskId(1))).ok).toBe(true);
    expect(freeze(tenant.sql, tenant.env)).toMatchObject({ error: { reason: "unpublished" } });
    const kept = { access: access({ versions: state }), by: attribution() };
    expect(change(tenant.sql, tenant.env, kept, { suspended: false })).toMatchObject({ ok: false });
    expect(lookup(tenant.sql, null).state).toMatchObject({ suspended: true, move: { phase: "leaving", to: "eu2" } });
  });

  it("goes one way at a time: the same target is the same move, another one is refused", () => {
    const tenant = openTenant();
    const by = attribution();
    const first = leave(tenant.sql, tenant.env, MOVE, by);
    expect(leave(tenant.sql, tenant.env, { ...MOVE, id: "1".repeat(26) }, by)).toEqual(first);
    expect(leave(tenant.sql, tenant.env, { ...MOVE, to: "eu3" }, by)).toMatchObject({ error: { reason: "moving" } });
    expect(tenant.kinds().filter((kind) => kind === "tenant.leaving")).toHaveLength(1);
  });

  it("is live again as it was when the move is called off", async () => {
    const { lab } = await frozen(3);
    expect(stay(lab.sql, lab.env, attribution())).toEqual({ ok: true, value: null });
    expect(moveOf(lab.sql)).toBeNull();
    expect(lab.kinds().slice(-2)).toEqual(["tenant.leaving", "tenant.staying"]);
    const now = access({ versions: { credential: 1, state: 3, policy: 1 } });
    expect(admit(lab.sql, lab.env, [{ ...admitRequest(taskId(1), lab.env.now), access: now }])[0]?.ok).toBe(true);
  });

  it("cannot be written once it is frozen, whoever comes late, so that no entry is in the old home alone", async () => {
    const { lab } = await frozen(3);
    const before = lab.size;
    const entry = { kind: "data.changed", action: "a:b", by: attribution(), detail: {}, dedupe: "1" } as const;
    expect(() => record(lab.sql, lab.env, entry)).toThrow(TenantFrozen);
    expect(nextDue(lab.sql, true, true)).toBeNull();
    expect(sweep(lab.sql, { ...lab.env, now: lab.env.now + 1e9 })).toBe(false);
    expect(lab.size).toBe(before);
  });

  it("has a late settlement come second while it is frozen, and booked once it stays, so that a late run is no defect", async () => {
    const { lab } = place();
    lab.append(3);
    const now = lab.env.now;
    expect(admit(lab.sql, lab.env, [admitRequest(taskId(1), now)])[0]?.ok).toBe(true);
    sweep(lab.sql, { ...lab.env, now: now + 86_400_000 });
    expect(leave(lab.sql, lab.env, MOVE, attribution()).ok).toBe(true);
    await lab.settle();
    expect(freeze(lab.sql, lab.env).ok).toBe(true);
    const late = () => settle(lab.sql, lab.env, [settleRequest(taskId(1))])[0];
    expect(late()).toEqual({ ok: false, error: { reason: "already_settled" } });
    stay(lab.sql, lab.env, attribution());
    expect(late()).toMatchObject({ ok: true, value: { corrected: true } });
  });

  it("is neither live nor moving where its phase cannot be read: whatever asks is told so", async () => {
    const { lab } = await frozen(3);
    lab.sql.run("UPDATE move SET phase = 'flying'");
    for (const asks of [
      () => moveOf(lab.sql),
      () => lookup(lab.sql, null),
      () => stay(lab.sql, lab.env, attribution()),
    ])
      expect(asks).toThrow("the phase of a move is unreadable");
  });

  it("is opened by no older release while it moves, because that would admit", async () => {
    const { lab } = await frozen(3);
    const older = TENANT_MIGRATIONS.filter(({ id }) => id < 9);
    expect(() => migrate(lab.sql, older)).toThrow(SchemaTooNew);
    stay(lab.sql, lab.env, attribution());
    expect(() => migrate(lab.sql, older)).not.toThrow();
  });

  it("is given up only about the archive that was noted, with its data key, and never comes back by itself", async () => {
    const { lab, tenant } = await frozen(3);
    expect(release(lab.sql, MANIFEST)).toMatchObject({ error: { reason: "other_archive" } });
    noteArchive(lab.sql, MOVE.id, MANIFEST);
    expect(release(lab.sql, "cd".repeat(32))).toMatchObject({ error: { reason: "other_archive" } });
    const given = release(lab.sql, MANIFEST);
    expect(given).toMatchObject({ ok: true, value: { phase: "left", size: tenant.size, root: tenant.root } });
    expect(release(lab.sql, MANIFEST)).toEqual(given);
    expect(lookup(lab.sql, null).state.data_key).toBe("");
    expect(stay(lab.sql, lab.env, attribution())).toMatchObject({ error: { reason: "left" } });
    expect(freeze(lab.sql, lab.env)).toMatchObject({ error: { reason: "not_leaving" } });
    expect(noteArchive(lab.sql, MOVE.id, MANIFEST)).toMatchObject({ ok: false });
  });
});

describe("a tenant that arrives", () => {
  it("has every row that it had, goes on with its log and publishes it on the same tree", async () => {
    const { lab, target, tenant } = await moved();
    expect(complete(target.sql, tenant, TENANT)).toMatchObject({ ok: true, value: { phase: "arrived" } });
    const own = ["move", "tenant", "recorded", "log_checkpoint"];
    const rows = (sql: Sql) =>
      dumpRows(sql, null, Number.POSITIVE_INFINITY).tables.filter(({ table }) => !own.includes(table));
    expect(rows(target.sql)).toEqual(rows(lab.sql));
    expect(rows(lab.sql).find(({ table }) => table === "ledger")?.rows.length).toBeGreaterThan(100);
    expect(release(lab.sql, MANIFEST).ok).toBe(true);
    const { state, policy } = lookup(target.sql, null).state.versions;
    expect(settleIn(target.sql, target.env, receiptOf(tenant), attribution({ cell: "eu2" }))).toEqual({
      ok: true,
      value: null,
    });
    expect(lookup(target.sql, null).state.versions).toEqual({ state: state + 1, policy: policy + 1 });
    expect(lookup(target.sql, null).state).toMatchObject({ suspended: false, data_key: "bmV3" });
    target.append(300);
    await target.settle();
    expect(target.faults.filter((fault) => fault !== null)).toEqual([]);
    expect(target.state).toMatchObject({ halted: null, published: { size: tenant.size + 301 } });
    const [entry] = target.sql.all<{ body: string }>("SELECT body FROM ledger WHERE seq = ?", tenant.size);
    expect(JSON.parse(entry?.body ?? "")).toMatchObject({
      kind: "tenant.arrived",
      cell: "eu2",
      detail: {
        ...{ move: MOVE.id, from: "eu1", to: "eu2", manifest: MANIFEST, directory_version: 7 },
        size: tenant.size,
      },
    });
  });

  it("is written to its end however often the writing is begun, each part once", async () => {
    const { target, parts, tenant } = await moved();
    const again = arrive(target.sql, target.env, TENANT_MIGRATIONS, { ...MOVE, manifest: MANIFEST });
    expect(again).toEqual({ ok: true, value: { applied: parts.length } });
    expect(writePart(target.sql, 0, [{ table: "nowhere", columns: [], rows: [] }], "x")).toEqual({
      ok: true,
      value: null,
    });
    expect(complete(target.sql, tenant, TENANT).ok).toBe(true);
    expect(complete(target.sql, tenant, TENANT).ok).toBe(true);
  });

  it("is not live before it is whole and its old home gave it up", async () => {
    const { target, tenant } = await moved();
    const by = attribution();
    expect(lookup(target.sql, null).state).toMatchObject({ suspended: true, move: { phase: "arriving" } });
    expect(settleIn(target.sql, target.env, receiptOf(tenant), by)).toMatchObject({ error: { reason: "not_arrived" } });
    expect(() => target.append(1)).toThrow(TenantFrozen);
    complete(target.sql, tenant, TENANT);
    for (const wrong of [{ move: "9".repeat(26) }, { manifest: "cd".repeat(32) }])
      expect(settleIn(target.sql, target.env, { ...receiptOf(tenant), ...wrong }, by)).toMatchObject({ ok: false });
    expect(settleIn(target.sql, target.env, receiptOf(tenant), by).ok).toBe(true);
    expect(settleIn(target.sql, target.env, receiptOf(tenant), by).ok).toBe(true);
    expect(target.kinds().filter((kind) => kind === "tenant.arrived")).toHaveLength(1);
  });

  it("is refused where a tenant of its name lives, or another archive of it is being written", async () => {
    const here = place().lab;
    const header = { ...MOVE, manifest: MANIFEST };
    expect(arrive(here.sql, here.env, TENANT_MIGRATIONS, header)).toMatchObject({ error: { reason: "exists" } });
    const { target } = await moved();
    const other = { ...header, manifest: "cd".repeat(32) };
    expect(arrive(target.sql, target.env, TENANT_MIGRATIONS, other)).toMatchObject({ error: { reason: "exists" } });
    expect(discard(target.sql).ok).toBe(true);
  });

  it("may come back to a home that it left", async () => {
    const { lab } = await frozen(3);
    noteArchive(lab.sql, MOVE.id, MANIFEST);
    release(lab.sql, MANIFEST);
    const back = { id: "2".repeat(26), from: "eu2", to: "eu1", manifest: "cd".repeat(32) };
    expect(arrive(lab.sql, lab.env, TENANT_MIGRATIONS, back)).toEqual({ ok: true, value: { applied: 0 } });
    expect(lab.sql.all("SELECT * FROM ledger")).toEqual([]);
    expect(moveOf(lab.sql)).toMatchObject({ phase: "arriving", from: "eu2" });
  });

  it("is not taken where a row is missing, another's, or not what the archive has", async () => {
    const { target, tenant } = await moved();
    expect(complete(target.sql, { ...tenant, size: tenant.size + 1 }, TENANT)).toMatchObject({
      error: { reason: "differs" },
    });
    expect(complete(target.sql, { ...tenant, root: "AAAA" }, TENANT)).toMatchObject({ error: { reason: "differs" } });
    expect(complete(target.sql, tenant, "other")).toMatchObject({ error: { reason: "differs" } });
    const [row] = target.sql.all<{ seq: number; body: string }>(
      "SELECT seq, body FROM ledger ORDER BY seq DESC LIMIT 1",
    );
    const seq = row?.seq ?? 0;
    expect(holdsEntries(target.sql, seq, [row?.body ?? ""])).toBe(true);
    expect(holdsEntries(target.sql, seq, ["{}"])).toBe(false);
    target.sql.run("UPDATE ledger SET hash = ? WHERE seq = ?", "0".repeat(64), seq);
    expect(holdsEntries(target.sql, seq, [row?.body ?? ""])).toBe(false);
  });

  it("takes no rows of a schema that it does not have", async () => {
    const { target } = await moved();
    target.sql.run("UPDATE move SET applied = 0");
    for (const tables of [
      [{ table: "nowhere", columns: ["a"], rows: [] }],
      [{ table: "bucket", columns: ["id"], rows: [["a"]] }],
      [{ table: "bucket", columns: ["id", "full_ms"], rows: [["a"]] }],
    ])
      expect(writePart(target.sql, 0, tables, "x")).toMatchObject({ error: { reason: "schema_differs" } });
    expect(schemaOf(target.sql)).toBe(TENANT_MIGRATIONS.at(-1)?.id);
  });
});
