import { afterEach, describe, expect, it } from "vitest";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { LogLab } from "../../../test/support/log-lab.ts";
import { MemoryObjectStore } from "../../../test/support/memory-object-store.ts";
import { openTenant } from "../../../test/support/tenant-core.ts";
import {
  access,
  admitRequest,
  attribution,
  budgetId,
  settleRequest,
  taskId,
} from "../../../test/support/tenant-fixtures.ts";
import { logRow } from "../../runtime/log/state.ts";
import { dropEverything, migrate } from "../../runtime/migrate.ts";
import type { Sql } from "../../runtime/sql.ts";
import {
  arrive,
  deleteBudget,
  freeze,
  leave,
  lookup,
  moveOf,
  noteArchive,
  notePart,
  partBegins,
  release,
  settleIn,
  stay,
} from "../core.ts";
import { TENANT_MIGRATIONS } from "../migrations.ts";

const MOVE = { id: "0".repeat(26), from: "eu1", to: "eu2", listed: false };
const { listed: _, id, ...ENDS } = MOVE;
const MANIFEST = "ab".repeat(32);
const NOT_LEAVING = { ok: false, error: { reason: "not_leaving" } };
const by = attribution({ subject: "operator" });
const labs: LogLab[] = [];
afterEach(() => {
  for (const lab of labs.splice(0)) lab.close();
});

function home(): LogLab {
  const lab = new LogLab((now) => new MemoryObjectStore(now));
  labs.push(lab);
  lab.append(3);
  return lab;
}
async function leaving(): Promise<LogLab> {
  const lab = home();
  expect(leave(lab.sql, lab.env, MOVE, by).ok).toBe(true);
  await lab.settle();
  return lab;
}
async function frozen(): Promise<LogLab> {
  const lab = await leaving();
  expect(freeze(lab.sql, lab.env).ok).toBe(true);
  return lab;
}
/** Where the tenant is being written; nothing of it was verified. */
function arriving(): LogLab {
  const lab = home();
  dropEverything(lab.sql);
  migrate(lab.sql, TENANT_MIGRATIONS);
  arrive(lab.sql, lab.env, TENANT_MIGRATIONS, { ...MOVE, manifest: MANIFEST });
  return lab;
}
const stateVersion = (sql: Sql) => sql.get<{ v: number }>("SELECT state_version AS v FROM tenant")?.v;
const lastEntry = (sql: Sql) => {
  const row = sql.get<{ body: string }>("SELECT body FROM ledger ORDER BY seq DESC LIMIT 1");
  return JSON.parse(row?.body ?? "null");
};

describe("a tenant begins to leave", () => {
  it("with an entry that says where to, and has its ledger published at once for it", () => {
    const lab = home();
    leave(lab.sql, lab.env, MOVE, by);
    expect(lastEntry(lab.sql)).toMatchObject({
      ...{ kind: "tenant.leaving", outcome: "success", action: "tenant:suspend", subject: "operator" },
      detail: { move: id, ...ENDS },
    });
    expect(logRow(lab.sql).asked).toBe(lab.size);
  });

  it("not while its ledger is in doubt, or a conversation of it may be where nobody looks", () => {
    const t = openTenant();
    t.sql.run("UPDATE log SET fault = 'forked'");
    expect(leave(t.sql, t.env, MOVE, by)).toEqual({
      ok: false,
      error: { reason: "ledger_halted", retry_after_ms: LIMITS.logRecheckMs },
    });
    t.sql.run("UPDATE log SET fault = NULL");
    t.sql.run(
      "INSERT INTO subject_key (id, subject, wrapped, created_ms, conversations, listed) VALUES ('a', 'b', 'c', 0, 2, 1)",
    );
    expect(leave(t.sql, t.env, { ...MOVE, listed: true }, by)).toEqual({ ok: false, error: { reason: "unlisted" } });
    expect([moveOf(t.sql), t.kinds().includes("tenant.leaving")]).toEqual([null, false]);
    expect(leave(t.sql, t.env, MOVE, by).ok).toBe(true);
    const listed = openTenant();
    expect(leave(listed.sql, listed.env, { ...MOVE, listed: true }, by).ok).toBe(true);
  });

  it("once: frozen it is still the same move, and what has left or is arriving does not leave", async () => {
    const lab = await frozen();
    expect(leave(lab.sql, lab.env, MOVE, by)).toMatchObject({ ok: true, value: { id, phase: "frozen" } });
    noteArchive(lab.sql, id, MANIFEST);
    release(lab.sql, MANIFEST);
    expect(leave(lab.sql, lab.env, MOVE, by)).toMatchObject({ error: { reason: "moving", move: { phase: "left" } } });
    const target = arriving();
    expect(leave(target.sql, target.env, MOVE, by)).toMatchObject({
      error: { reason: "moving", move: { phase: "arriving" } },
    });
  });

  it("without what another move left of its parts", async () => {
    const lab = await frozen();
    expect(notePart(lab.sql, id, { part: 0, sha256: MANIFEST, next: "{}" }).ok).toBe(true);
    lab.sql.run("UPDATE move SET phase = 'leaving'");
    lab.sql.run("DELETE FROM move");
    expect(leave(lab.sql, lab.env, { ...MOVE, id: "1".repeat(26) }, by).ok).toBe(true);
    expect(lab.sql.all("SELECT * FROM move_part")).toEqual([]);
  });
});

describe("a tenant is frozen", () => {
  it("only while it leaves: a live one, and one that arrives, are not", () => {
    for (const lab of [home(), arriving()]) expect(freeze(lab.sql, lab.env)).toEqual(NOT_LEAVING);
  });

  it("as it is published, and frozen again it is the same", async () => {
    const lab = await leaving();
    const first = freeze(lab.sql, lab.env);
    expect(first).toMatchObject({
      value: { move: { id, phase: "frozen" }, size: lab.size, root: lab.state.published?.root },
    });
    if (!first.ok) throw new Error(first.error.reason);
    expect([first.value.origin, first.value.data_key]).toEqual([
      lab.state.origin,
      lookup(lab.sql, null).state.data_key,
    ]);
    expect(freeze(lab.sql, lab.env)).toEqual(first);
  });

  it("not before the last entry is published, for which it asks, so that nobody waits a minute for the last task's end, nor while the ledger is in doubt", async () => {
    const lab = home();
    await lab.settle();
    leave(lab.sql, lab.env, MOVE, by);
    lab.sql.run("UPDATE log SET asked = 0");
    expect(freeze(lab.sql, lab.env)).toMatchObject({ error: { reason: "unpublished" } });
    expect([logRow(lab.sql).asked, moveOf(lab.sql)?.phase]).toEqual([lab.size, "leaving"]);
    await lab.settle();
    lab.sql.run("UPDATE log SET fault = 'forked'");
    expect(freeze(lab.sql, lab.env)).toMatchObject({ error: { reason: "unpublished" } });
    lab.sql.run("UPDATE log SET fault = NULL");
    expect(freeze(lab.sql, lab.env).ok).toBe(true);
  });

  it("not while anything runs, however much is published", () => {
    const t = openTenant();
    t.admit(admitRequest(taskId(1), t.env.now));
    leave(t.sql, t.env, MOVE, by);
    expect(freeze(t.sql, t.env)).toEqual({
      ok: false,
      error: { reason: "busy", tasks: 1, retry_after_ms: LIMITS.movedRetryMs },
    });
    t.settle(settleRequest(taskId(1)));
    expect(freeze(t.sql, t.env)).toMatchObject({ error: { reason: "unpublished" } });
  });

  it("and refuses a change as any halted tenant does, without an entry, which nobody would carry to its new home", async () => {
    const lab = await frozen();
    const size = lab.size;
    const { versions } = lookup(lab.sql, null).state;
    const change = { access: access({ kid: null, versions: { credential: 0, ...versions } }), by };
    expect(deleteBudget(lab.sql, lab.env, change, budgetId(1))).toMatchObject({ error: { reason: "ledger_halted" } });
    expect(lab.size).toBe(size);
  });

  it("and takes an archive for that very move alone", async () => {
    const early = await leaving();
    expect(noteArchive(early.sql, id, MANIFEST)).toEqual(NOT_LEAVING);
    const lab = await frozen();
    expect(noteArchive(lab.sql, "9".repeat(26), MANIFEST)).toEqual(NOT_LEAVING);
    expect(release(lab.sql, MANIFEST)).toEqual({ ok: false, error: { reason: "other_archive" } });
    expect(noteArchive(lab.sql, id, MANIFEST).ok).toBe(true);
    expect(noteArchive(home().sql, id, MANIFEST)).toEqual(NOT_LEAVING);
  });
});

describe("a move is called off", () => {
  it("while the tenant leaves or is frozen, with an entry, and without what was made of its archive", async () => {
    for (const at of [leaving, frozen]) {
      const lab = await at();
      if (at === frozen) notePart(lab.sql, id, { part: 0, sha256: MANIFEST, next: "{}" });
      const before = stateVersion(lab.sql) ?? 0;
      expect(stay(lab.sql, lab.env, by)).toEqual({ ok: true, value: null });
      expect(lastEntry(lab.sql)).toMatchObject({
        ...{ kind: "tenant.staying", outcome: "success", action: "tenant:suspend", subject: "operator" },
        detail: { move: id, ...ENDS },
      });
      expect([stateVersion(lab.sql), lab.sql.all("SELECT * FROM move_part")]).toEqual([before + 1, []]);
      expect(partBegins(lab.sql, id, 0)).toEqual(NOT_LEAVING);
    }
  });

  it("nowhere else, so that a tenant is never made live in its new home by the way of its old one", () => {
    expect(stay(home().sql, { now: 0, mint: () => "" }, by)).toEqual(NOT_LEAVING);
    const target = arriving();
    expect(stay(target.sql, target.env, by)).toEqual(NOT_LEAVING);
    expect(moveOf(target.sql)?.phase).toBe("arriving");
  });
});

describe("a tenant is given up", () => {
  it("out of nothing but a frozen state: live, leaving or arriving it is kept, with its data key", async () => {
    for (const lab of [home(), await leaving()]) {
      expect(release(lab.sql, MANIFEST)).toEqual(NOT_LEAVING);
      expect(lookup(lab.sql, null).state.data_key).not.toBe("");
    }
    const target = arriving();
    expect(release(target.sql, MANIFEST)).toEqual(NOT_LEAVING);
    expect(moveOf(target.sql)?.phase).toBe("arriving");
  });

  it("once: its key is overwritten where it lay, and edges learn of it, and the same again changes nothing", async () => {
    const lab = await frozen();
    noteArchive(lab.sql, id, MANIFEST);
    const before = stateVersion(lab.sql) ?? 0;
    lab.sql.takeErased();
    const given = release(lab.sql, MANIFEST);
    expect([stateVersion(lab.sql), lab.sql.takeErased()]).toEqual([before + 1, true]);
    expect(release(lab.sql, MANIFEST)).toEqual(given);
    expect([stateVersion(lab.sql), lab.sql.takeErased()]).toEqual([before + 1, false]);
  });
});

it("a tenant that lives here is not settled in again by a receipt that it never came with", () => {
  const lab = home();
  const receipt = { ...ENDS, move: id, manifest: MANIFEST, size: lab.size, root: "", version: 1 };
  expect(settleIn(lab.sql, lab.env, receipt, by)).toEqual({ ok: false, error: { reason: "not_arrived" } });
  expect(lab.kinds()).not.toContain("tenant.arrived");
});
