import { describe, expect, it } from "vitest";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { openTenant, type TestTenant } from "../../../test/support/tenant-core.ts";
import { admitRequest, attribution, settleRequest, taskId } from "../../../test/support/tenant-fixtures.ts";
import * as core from "../core.ts";
import { hasUnlisted } from "./kept-sessions.ts";
import { upkeep } from "./upkeep.ts";

const DAY = 86_400_000;
const MOVE = { id: "0".repeat(26), from: "eu1", to: "eu2" };
const until = (t: TestTenant, days: number) => (t.env.now + days * DAY) as UnixMs; // safe because: a time in milliseconds
const wanted = (t: TestTenant, session: string, days = 1) => ({
  subject: "ab".repeat(32),
  proposal: { id: "k".repeat(26), wrapped: new Uint8Array(61).fill(1) },
  kept: { session, expires_ms: until(t, days) },
});
const named = (t: TestTenant) => core.namedObjects(t.sql, null, 100).map(({ class: of, id }) => `${of} ${id}`);
const settled = (t: TestTenant, n: number, more: Partial<Parameters<TestTenant["admit"]>[0]> = {}) => {
  expect(t.admit(admitRequest(taskId(n), t.env.now, more)).ok).toBe(true);
  t.settle(settleRequest(taskId(n)));
};

describe("what a tenant's object lists of its sessions and tasks", () => {
  it("has every session whose key was given out, so that no conversation is left behind by a move", () => {
    const t = openTenant();
    expect(core.beginContent(t.sql, t.env, wanted(t, "second")).ok).toBe(true);
    settled(t, 2, { subject_key: wanted(t, "first") });
    settled(t, 1);
    expect(named(t)).toEqual(["session first", "session second", `task ${taskId(1)}`, `task ${taskId(2)}`]);
    expect(hasUnlisted(t.sql)).toBe(false);
  });

  it("gives them out page by page, each once", () => {
    const t = openTenant();
    for (let n = 0; n < 25; n++) core.beginContent(t.sql, t.env, wanted(t, `s${String(n).padStart(2, "0")}`));
    for (let n = 1; n <= 12; n++) settled(t, n);
    const all: string[] = [];
    for (let after: core.NamedObject | null = null; ; ) {
      const page = core.namedObjects(t.sql, after, 7);
      all.push(...page.map(({ class: of, id }) => `${of} ${id}`));
      after = page.at(-1) ?? null;
      if (after === null) break;
    }
    expect(all).toEqual(named(t));
    expect(all).toHaveLength(37);
  });

  it("keeps one listed for as long as the longest that is kept in it, and no longer", () => {
    const t = openTenant();
    core.beginContent(t.sql, t.env, wanted(t, "brief", 1));
    core.beginContent(t.sql, t.env, wanted(t, "long", 1));
    settled(t, 1, { kept: { session: "long", expires_ms: until(t, 40) } });
    settled(t, 2, { kept: { session: "long", expires_ms: until(t, 2) } });
    t.env.now += DAY + LIMITS.erasedSessionMsMax - 3_600_000;
    while (upkeep(t.sql, t.env.now));
    expect(named(t).filter((name) => name.startsWith("session"))).toEqual(["session brief", "session long"]);
    t.env.now += 2 * 3_600_000;
    while (upkeep(t.sql, t.env.now));
    expect(named(t).filter((name) => name.startsWith("session"))).toEqual(["session long"]);
    t.env.now += 41 * DAY;
    while (upkeep(t.sql, t.env.now));
    expect(named(t)).toEqual([]);
  });

  it("is not gone by where conversations were begun before there was a list: such a tenant does not leave", () => {
    const t = openTenant();
    core.beginContent(t.sql, t.env, wanted(t, "listed"));
    t.sql.run("UPDATE subject_key SET conversations = conversations + 1");
    const by = attribution();
    expect(core.leave(t.sql, t.env, { ...MOVE, listed: true }, by)).toMatchObject({ error: { reason: "unlisted" } });
    expect(core.moveOf(t.sql)).toBeNull();
    // A host that finds its objects by itself takes no notice.
    expect(core.leave(t.sql, t.env, { ...MOVE, listed: false }, by).ok).toBe(true);
  });

  it("takes no name or end that no session has, which would be a mistake of the edge", () => {
    const t = openTenant();
    for (const kept of [
      { session: "a b", expires_ms: until(t, 1) },
      { session: "", expires_ms: until(t, 1) },
      { session: "ok", expires_ms: Number.NaN as UnixMs }, // safe because: it is what must be refused
    ])
      expect(() => t.admit(admitRequest(taskId(1), t.env.now, { kept }))).toThrow(RangeError);
    expect(named(t)).toEqual([]);
  });
});
