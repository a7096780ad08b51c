import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { ErasedObject, SubjectKeyWanted } from "../../../shared/contracts/ports/content-store.ts";
import { expectInvariants, openTenant, type TestTenant } from "../../../test/support/tenant-core.ts";
import { access, admitRequest, at, attribution, taskId } from "../../../test/support/tenant-fixtures.ts";
import * as core from "../core.ts";
import { forgetErasures } from "./erasures.ts";
import { upkeep } from "./upkeep.ts";

const digestOf = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");
const JO = digestOf("jo");
const wanted = (id: string, subject = JO): SubjectKeyWanted => ({
  subject,
  proposal: { id: id.padEnd(26, "0"), wrapped: new Uint8Array(61).fill(id.charCodeAt(0)) },
  kept: { session: `session-${id}`, expires_ms: 4_000_000_000_000 as UnixMs }, // safe because: a time in milliseconds
});
const versions = (t: TestTenant) => ({ ...access().versions, state: core.lookup(t.sql, null).state.versions.state });
const change = (t: TestTenant) => ({ access: access({ versions: versions(t) }), by: attribution() });
const begin = (t: TestTenant, id: string, subject?: string) => {
  const begun = core.beginContent(t.sql, t.env, wanted(id, subject));
  if (!begun.ok) throw new Error(begun.error.reason);
  return begun.value;
};
const erase = (t: TestTenant, subject = JO) => {
  const erased = core.eraseSubject(t.sql, t.env, change(t), subject);
  if (!erased.ok) throw new Error(erased.error.reason);
  return erased.value;
};
const erasedSince = (t: TestTenant, ms: number) => {
  const asked = core.erasedSince(t.sql, t.env, change(t).access, JO, at(ms));
  return asked.ok ? asked.value.erased : asked.error.reason;
};
const conversation = (object = digestOf("conv_1")): ErasedObject => ({
  scope: "conversation",
  object,
  key: digestOf("wrapped"),
  items: 2,
  bytes: 300,
});

describe("a subject's key", () => {
  it("is the first that was proposed, for each conversation and whoever asks first", () => {
    const t = openTenant();
    const first = begin(t, "a");
    expect(first).toEqual(wanted("a").proposal);
    expect(begin(t, "b")).toEqual(first);
    const admitted = t.admit(admitRequest(taskId(1), t.env.now, { subject_key: wanted("c") }));
    expect(admitted).toMatchObject({ ok: true, value: { subject_key: first } });
    expect(begin(t, "d", digestOf("al")).id).not.toBe(first.id);
    expect(core.subjectKey(t.sql, first.id)).toEqual({ ok: true, value: first });
  });

  it("is made by no call that asks for none, so that a tenant without content has no keys", () => {
    const t = openTenant();
    expect(t.admit(admitRequest(taskId(1), t.env.now))).toMatchObject({ ok: true });
    const refused = t.admit(admitRequest(taskId(1), t.env.now, { access: access({ kid: null }) }));
    expect(refused.ok && "subject_key" in refused.value).toBe(false);
    expect(t.sql.all("SELECT * FROM subject_key")).toEqual([]);
  });

  it("is counted once for each conversation, also when its admission comes twice", () => {
    const t = openTenant();
    const request = admitRequest(taskId(1), t.env.now, { subject_key: wanted("a") });
    const [once, twice] = [t.admit(request), t.admit(request)];
    expect([once, twice]).toMatchObject([
      { value: { subject_key: wanted("a").proposal } },
      { value: { subject_key: wanted("a").proposal } },
    ]);
    begin(t, "b");
    const { state } = versions(t);
    expect(erase(t).conversations).toBe(2);
    // Forward, because a version that comes again would let an edge go on with what it knew under it.
    expect(versions(t).state).toBe(state + 1);
  });

  it("of one subject is destroyed and nobody else's, so that an erasure takes no other person's content with it", () => {
    const t = openTenant();
    const others = ["a", "b"].map((id) => begin(t, id, digestOf(id)));
    const own = begin(t, "c");
    erase(t);
    expect(core.subjectKey(t.sql, own.id)).toEqual({ ok: false, error: { reason: "not_found" } });
    for (const key of others) expect(core.subjectKey(t.sql, key.id)).toEqual({ ok: true, value: key });
  });

  it("is refused in any other form, so that nothing is sealed under what is no key", () => {
    const t = openTenant();
    for (const broken of [
      { ...wanted("a"), subject: "jo" },
      { ...wanted("a"), proposal: { id: "a", wrapped: new Uint8Array(61) } },
      { ...wanted("a"), proposal: { id: "a".repeat(26), wrapped: new Uint8Array(32) } },
      { ...wanted("a"), kept: { session: "s".repeat(1_000), expires_ms: at(4_000_000_000_000) } },
    ]) {
      expect(() => core.beginContent(t.sql, t.env, broken)).toThrow(RangeError);
      expect(() => t.admit(admitRequest(taskId(1), t.env.now, { subject_key: broken }))).toThrow(RangeError);
    }
  });
});

describe("a task from before its subject's erasure", () => {
  const again = (t: TestTenant, members: Parameters<typeof admitRequest>[2] = {}) =>
    t.admit(admitRequest(taskId(1), t.env.now, { access: change(t).access, ...members }));

  it("is not begun again for what it was to keep, so that nothing of the subject is kept under a new key", () => {
    const t = openTenant();
    const asked = { subject_key: wanted("a") };
    expect(again(t, asked)).toMatchObject({ ok: true });
    expect(again(t, asked)).toMatchObject({ ok: true });
    erase(t);
    expect(again(t, { subject_key: wanted("b") })).toEqual({ ok: false, error: { reason: "erased" } });
    expect(core.beginContent(t.sql, t.env, { ...wanted("b"), task: taskId(1) })).toEqual({
      ok: false,
      error: { reason: "erased" },
    });
    expect(t.sql.all("SELECT * FROM subject_key")).toEqual([]);
    expectInvariants(t);
  });

  it("is begun again where it keeps nothing or its subject is another one; later tasks of the subject keep what they make", () => {
    const t = openTenant();
    again(t);
    erase(t, digestOf("al"));
    expect(again(t, { subject_key: wanted("a") })).toMatchObject({ ok: true });
    erase(t);
    expect(again(t)).toMatchObject({ ok: true });
    const later = admitRequest(taskId(2), t.env.now, { access: change(t).access, subject_key: wanted("b") });
    expect(t.admit(later)).toMatchObject({ ok: true, value: { subject_key: wanted("b").proposal } });
    expect(core.beginContent(t.sql, t.env, { ...wanted("c"), task: taskId(2) })).toMatchObject({ ok: true });
    expectInvariants(t);
  });
});

describe("a tenant whose ledger is halted", () => {
  it("keeps nothing new, so that no content begins that no evidence can tell of", () => {
    const t = openTenant();
    t.sql.run("UPDATE log SET fault = 'forked'");
    expect(core.beginContent(t.sql, t.env, wanted("a"))).toEqual({
      ok: false,
      error: { reason: "ledger_halted", retry_after_ms: LIMITS.logRecheckMs },
    });
    expect(t.sql.all("SELECT * FROM subject_key")).toEqual([]);
  });
});

describe("the erasure of a subject", () => {
  it("destroys the key, makes every edge stale and says so in the ledger, in one step", () => {
    const t = openTenant();
    const { id, wrapped } = begin(t, "a");
    const stale = change(t).access;
    t.sql.takeErased();
    const erased = erase(t);
    // The files are rid of the key before anybody is told that it is gone.
    expect(t.sql.takeErased()).toBe(true);
    expect(erased).toMatchObject({ scope: "subject", object: JO, key: digestOf(wrapped), conversations: 1 });
    expect(core.subjectKey(t.sql, id)).toEqual({ ok: false, error: { reason: "not_found" } });
    expect(t.entries().at(-1)).toMatchObject({
      seq: erased.seq,
      kind: "data.erased",
      action: "data:erase",
      outcome: "success",
      detail: { scope: "subject", object: JO, key: digestOf(wrapped), keys: 1, conversations: 1, stores: ["tenant"] },
    });
    const late = t.admit(admitRequest(taskId(1), t.env.now, { access: stale }));
    expect(late).toMatchObject({ ok: false, error: { reason: "stale", which: "state" } });
    expect(JSON.stringify(t.entries())).not.toContain('"jo"');
    expectInvariants(t);
  });

  it("destroys nothing when it comes again, and leaves other subjects alone", () => {
    const t = openTenant();
    begin(t, "a");
    const other = begin(t, "b", digestOf("al"));
    erase(t);
    expect(erase(t)).toMatchObject({ key: null, conversations: 0 });
    expect(t.entries().at(-1)?.detail).toMatchObject({ key: null, keys: 0, conversations: 0 });
    expect(core.subjectKey(t.sql, other.id).ok).toBe(true);
    // Who comes back begins with a key of its own.
    expect(begin(t, "c")).toEqual(wanted("c").proposal);
  });

  it("reaches what was before it, and nothing after, so that later evidence stays whole", () => {
    const t = openTenant();
    const before = t.env.now;
    expect(erasedSince(t, before)).toBe(false);
    t.env.now += 1_000;
    erase(t);
    expect([erasedSince(t, before), erasedSince(t, t.env.now), erasedSince(t, t.env.now + 1)]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it("is refused under a compliance lock, which is there so that nothing is lost", () => {
    const t = openTenant();
    const { id } = begin(t, "a");
    t.sql.run("UPDATE tenant SET locked = 1");
    expect(core.eraseSubject(t.sql, t.env, change(t), JO)).toEqual({ ok: false, error: { reason: "locked" } });
    expect(core.subjectKey(t.sql, id).ok).toBe(true);
    expect(core.noteErased(t.sql, t.env, change(t), conversation())).toMatchObject({ error: { reason: "locked" } });
    expect(t.entries().flatMap(({ kind, action }) => (kind === "call.refused" ? [action] : []))).toEqual([
      "data:erase",
      "session:write",
    ]);
  });
});

describe("the record of what was erased", () => {
  it("has an object once, however often its erasure is told", () => {
    const t = openTenant();
    const told = () => core.noteErased(t.sql, t.env, change(t), conversation());
    const first = told();
    expect(first).toMatchObject({ ok: true, value: { repeated: false, key: digestOf("wrapped") } });
    const entries = t.entries().length;
    expect(told()).toEqual({ ok: true, value: { ...(first.ok ? first.value : {}), repeated: true } });
    expect(t.entries().length).toBe(entries);
    expect(t.entries().at(-1)).toMatchObject({ action: "session:write", outcome: "success" });
    expect(t.entries().at(-1)?.detail).toEqual({
      ...{ scope: "conversation", object: digestOf("conv_1"), key: digestOf("wrapped"), keys: 1 },
      ...{ items: 2, bytes: 300, stores: ["session"] },
    });
  });

  it("is listed newest first and in pages, with the place of each entry", () => {
    const t = openTenant();
    for (let n = 0; n < 5; n++) core.noteErased(t.sql, t.env, change(t), conversation(digestOf(`conv_${n}`)));
    const seqs = (before: number | null) => {
      const page = core.erasures(t.sql, t.env, change(t).access, { before, limit: 2 });
      if (!page.ok) throw new Error(page.error.reason);
      return [page.value.erasures.map(({ seq }) => seq), page.value.more] as const;
    };
    const all = t.entries().flatMap(({ kind, seq }) => (kind === "data.erased" ? [seq] : []));
    const [newest, , middle, , oldest] = all.toReversed();
    expect(seqs(null)).toEqual([[newest, all.at(-2)], true]);
    expect(seqs(all.at(-2) ?? 0)).toEqual([[middle, all.at(1)], true]);
    expect(seqs(all.at(1) ?? 0)).toEqual([[oldest], false]);
    // A page that ends with the last of them says so.
    expect(seqs(all.at(2) ?? 0)).toEqual([[all.at(1), oldest], false]);
  });

  it("is read by nobody whose access has changed since, so that a revoked key learns of no erasure", () => {
    const t = openTenant();
    const stale = change(t).access;
    erase(t);
    const refused = { ok: false, error: { reason: "stale", which: "state" } };
    expect(core.erasures(t.sql, t.env, stale, { before: null, limit: 2 })).toMatchObject(refused);
    expect(core.erasedSince(t.sql, t.env, stale, JO, at(0))).toMatchObject(refused);
  });

  it("is forgotten in bounded steps, each of which says whether more is left, so that no step is long and none is the last too early", () => {
    const t = openTenant();
    for (let n = 0; n < 5; n++) core.noteErased(t.sql, t.env, change(t), conversation(digestOf(`conv_${n}`)));
    const laterMs = t.env.now + LIMITS.erasureRowMsMax;
    const rows = () => t.sql.get<{ n: number }>("SELECT count(*) AS n FROM erasure")?.n;
    const steps = [0, 1, 2].map(() => [forgetErasures(t.sql, laterMs, 2), rows()]);
    expect(steps).toEqual([
      [true, 3],
      [true, 1],
      [false, 0],
    ]);
  });

  it("is forgotten after its time, while the ledger keeps it", () => {
    const t = openTenant();
    erase(t);
    core.noteErased(t.sql, t.env, change(t), conversation());
    t.env.now += LIMITS.erasureRowMsMax - 1;
    const rows = () => t.sql.get<{ n: number }>("SELECT count(*) AS n FROM erasure")?.n;
    while (upkeep(t.sql, t.env.now));
    expect(rows()).toBe(2);
    t.env.now += 60 * 60_000;
    while (upkeep(t.sql, t.env.now));
    expect(rows()).toBe(0);
    expect(t.kinds().filter((kind) => kind === "data.erased")).toHaveLength(2);
  });

  it("keeps no more sessions than its bound, and every subject beyond it, because evidence asks for them", () => {
    const t = openTenant();
    erase(t);
    t.sql.run(
      `INSERT INTO erasure (seq, at_ms, scope, object, key, conversations, by_subject)
       WITH RECURSIVE n(i) AS (VALUES (1000) UNION ALL SELECT i + 1 FROM n WHERE i < ?)
       SELECT i, ?, 'conversation', 'x' || i, NULL, NULL, 'a' FROM n`,
      1_000 + LIMITS.erasureRowsMax + 9,
      t.env.now,
    );
    expect([forgetErasures(t.sql, t.env.now, 4), forgetErasures(t.sql, t.env.now, 7)]).toEqual([true, false]);
    t.env.now += 60 * 60_000;
    while (upkeep(t.sql, t.env.now));
    const left = t.sql.all<{ scope: string; n: number; first: number }>(
      "SELECT scope, count(*) AS n, min(seq) AS first FROM erasure GROUP BY scope ORDER BY scope",
    );
    expect(left).toMatchObject([
      { scope: "conversation", n: LIMITS.erasureRowsMax, first: 1_010 },
      { scope: "subject", n: 1 },
    ]);
  });
});
