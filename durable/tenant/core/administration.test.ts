import { describe, expect, it } from "vitest";
import type { KeyId } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { nanoUsd } from "../../../shared/contracts/money.ts";
import { expectInvariants, NOON, openTenant } from "../../../test/support/tenant-core.ts";
import {
  access,
  admitRequest,
  at,
  attribution,
  budget,
  budgetId,
  DIGEST,
  KID,
  kidOf,
  newKey,
  provisionSpec,
  settleRequest,
  taskId,
} from "../../../test/support/tenant-fixtures.ts";
import {
  change,
  createKey,
  credential,
  deleteBudget,
  deleteCredential,
  grantOperator,
  listBudgets,
  listCredentials,
  listKeys,
  lookup,
  provision,
  putBudget,
  putCredential,
  revokeKey,
  rotateKey,
} from "../core.ts";

const byKey = { access: access(), by: attribution() };
/** Someone whose credential lives elsewhere: an operator of the cell, at the given state. */
const operator = (state = 1) => ({
  access: access({ kid: null, versions: { credential: 0, state, policy: 1 } }),
  by: attribution({ subject: "operator" }),
});

describe("keys", () => {
  it("keeps digests only, and lists everything else, so nobody reads a secret back", () => {
    const t = openTenant();
    const made = createKey(t.sql, t.env, byKey, newKey({ kid: kidOf(2), name: "second" }));
    expect(made).toMatchObject({ ok: true, value: { kid: kidOf(2), version: 1, revoked_ms: null } });
    const listed = listKeys(t.sql, t.env, access(), { after: null, limit: 10 });
    expect(JSON.stringify([made, listed, t.entries()])).not.toContain(DIGEST);
    expect(lookup(t.sql, kidOf(2)).key).toMatchObject({
      digest: DIGEST,
      roles: ["admin", "developer"],
      granted: ["*"],
    });
    expect(createKey(t.sql, t.env, byKey, newKey({ kid: kidOf(2) }))).toEqual({
      ok: false,
      error: { reason: "exists" },
    });
    expectInvariants(t);
  });

  it("pages in the order of creation without gaps or repeats", () => {
    const t = openTenant();
    const made = [KID];
    for (let n = 2; n < 12; n++) {
      const kid = kidOf(100 - n);
      createKey(t.sql, t.env, byKey, newKey({ kid }));
      made.push(kid);
    }
    const seen: KeyId[] = [];
    for (let after: string | null = null; ; ) {
      const page = listKeys(t.sql, t.env, access(), { after, limit: 4 });
      if (!page.ok) throw new Error("refused");
      seen.push(...page.value.keys.map(({ kid }) => kid));
      after = page.value.next;
      if (after === null) break;
    }
    expect(seen).toEqual(made);
    expect(listKeys(t.sql, t.env, access(), { after: "nobody", limit: 4 })).toEqual({
      ok: true,
      value: { keys: [], next: null },
    });
  });

  it("revokes once, moves the version and ledgers it, so edges learn of it at the next call", () => {
    const t = openTenant();
    createKey(t.sql, t.env, byKey, newKey({ kid: kidOf(2) }));
    const first = revokeKey(t.sql, t.env, byKey, kidOf(2));
    t.env.now++;
    expect(revokeKey(t.sql, t.env, byKey, kidOf(2))).toEqual(first);
    expect(first).toMatchObject({ value: { revoked_ms: NOON, version: 2 } });
    expect(t.kinds().filter((kind) => kind === "key.revoked").length).toBe(1);
    expect(revokeKey(t.sql, t.env, byKey, kidOf(9))).toEqual({ ok: false, error: { reason: "not_found" } });
  });

  it("refuses to revoke the last key of the cell's operators, so that no call locks everybody out of a cell", () => {
    const t = openTenant({ keys: [newKey({ cell_operator: true }), newKey({ kid: kidOf(2) })] });
    for (const by of [byKey, operator()])
      expect(revokeKey(t.sql, t.env, by, KID)).toEqual({ ok: false, error: { reason: "last_key" } });
    const successor = { kid: kidOf(3), digest: "ef".repeat(32), overlap_ms: 60_000 };
    rotateKey(t.sql, t.env, byKey, KID, successor);
    // The one that was rotated works for a minute, and then nobody has one.
    expect(revokeKey(t.sql, t.env, operator(), kidOf(3))).toEqual({ ok: false, error: { reason: "last_key" } });
    expect(revokeKey(t.sql, t.env, operator(), KID).ok).toBe(true);
    expect(t.kinds().filter((kind) => kind === "key.revoked")).toHaveLength(1);
    expect(lookup(t.sql, kidOf(3)).key?.revoked_ms).toBeNull();
  });

  it("lets no administrator revoke the last key that makes keys; operators and tokens may, for they can make another", () => {
    const t = openTenant();
    createKey(t.sql, t.env, byKey, newKey({ kid: kidOf(2), granted: ["inference:invoke"] }));
    createKey(t.sql, t.env, byKey, newKey({ kid: kidOf(3), expires_ms: at(NOON + 5_000) }));
    expect(revokeKey(t.sql, t.env, byKey, kidOf(2)).ok).toBe(true);
    t.env.now += 5_000;
    expect(revokeKey(t.sql, t.env, byKey, KID)).toEqual({ ok: false, error: { reason: "last_key" } });
    expect(revokeKey(t.sql, t.env, operator(), KID).ok).toBe(true);
  });

  it("gives a cell without operators a key again, past suspension, lock and the bound of keys, and records it", () => {
    const t = openTenant();
    for (let n = 2; n <= LIMITS.keysPerTenantMax; n++) createKey(t.sql, t.env, byKey, newKey({ kid: kidOf(n) }));
    change(t.sql, t.env, operator(), { suspended: true, locked: true });
    const { cell_operator: _, ...key } = newKey({ kid: kidOf(10_000), roles: ["admin", "operator"] });
    const by = attribution({ subject: "machine:cell", credential: "machine" });
    expect(grantOperator(t.sql, t.env, by, key)).toMatchObject({ ok: true, value: { cell_operator: true } });
    expect(grantOperator(t.sql, t.env, by, key)).toEqual({ ok: false, error: { reason: "exists" } });
    expect(t.entries().at(-1)).toMatchObject({
      kind: "key.created",
      subject: "machine:cell",
      detail: { key: { kid: kidOf(10_000), cell_operator: true, made_by: ["machine:cell"] } },
    });
    expectInvariants(t);
  });

  it("gives an operator's key once, however long ago it was revoked, so that nobody brings one back by asking again", () => {
    const t = openTenant();
    const { cell_operator: _, ...key } = newKey({ kid: kidOf(10_000), roles: ["admin", "operator"] });
    const by = attribution({ subject: "machine:cell", credential: "machine" });
    expect(grantOperator(t.sql, t.env, by, newKey({ ...key, kid: kidOf(9_999) })).ok).toBe(true);
    expect(grantOperator(t.sql, t.env, by, key).ok).toBe(true);
    expect(revokeKey(t.sql, t.env, operator(), kidOf(10_000)).ok).toBe(true);
    // So many dead keys behind it that its row is forgotten.
    for (let n = 0; n <= LIMITS.keysPerTenantMax; n++) {
      createKey(t.sql, t.env, operator(), newKey({ kid: kidOf(n + 2) }));
      revokeKey(t.sql, t.env, operator(), kidOf(n + 2));
    }
    createKey(t.sql, t.env, operator(), newKey({ kid: kidOf(9_998) }));
    expect(lookup(t.sql, kidOf(10_000)).key).toBeNull();
    expect(grantOperator(t.sql, t.env, by, key)).toEqual({ ok: false, error: { reason: "exists" } });
    expect(lookup(t.sql, kidOf(10_000)).key).toBeNull();
  });

  it("gives a successor everything but a longer life, and rotates a key once", () => {
    const t = openTenant();
    createKey(
      t.sql,
      t.env,
      byKey,
      newKey({ kid: kidOf(2), name: "job", roles: ["operator"], expires_ms: at(NOON + 5_000) }),
    );
    const successor = { kid: kidOf(3), digest: "ef".repeat(32), overlap_ms: 60_000 };
    const made = rotateKey(t.sql, t.env, byKey, kidOf(2), successor);
    expect(made).toMatchObject({ value: { name: "job", roles: ["operator"], expires_ms: NOON + 5_000, version: 1 } });
    expect(lookup(t.sql, kidOf(2)).key).toMatchObject({ rotated_to: kidOf(3), expires_ms: NOON + 5_000, version: 2 });
    expect(rotateKey(t.sql, t.env, byKey, kidOf(2), successor)).toEqual(made);
    expect(rotateKey(t.sql, t.env, byKey, kidOf(2), { ...successor, kid: kidOf(4) })).toEqual({
      ok: false,
      error: { reason: "revoked" },
    });
    expect(t.kinds().slice(-2)).toEqual(["key.created", "key.rotated"]);
    expectInvariants(t);
  });

  it("stops at the bound of live keys and forgets the oldest dead ones, so keys never fill an object", () => {
    const t = openTenant();
    const many = LIMITS.keysPerTenantMax;
    for (let n = 0; n < many - 1; n++) createKey(t.sql, t.env, byKey, newKey({ kid: kidOf(n + 1) }));
    expect(createKey(t.sql, t.env, byKey, newKey({ kid: kidOf(many) }))).toEqual({
      ok: false,
      error: { reason: "limit" },
    });
    for (let n = 0; n < many - 1; n++) revokeKey(t.sql, t.env, byKey, kidOf(n + 1));
    for (let n = 0; n < 10; n++) {
      createKey(t.sql, t.env, byKey, newKey({ kid: kidOf(2 * many + n) }));
      revokeKey(t.sql, t.env, byKey, kidOf(2 * many + n));
    }
    createKey(t.sql, t.env, byKey, newKey({ kid: kidOf(3 * many) }));
    expect(t.sql.get("SELECT count(*) AS n FROM api_key WHERE revoked_ms IS NOT NULL")?.n).toBe(many);
    expect(lookup(t.sql, kidOf(1)).key).toBeNull();
  });
});

describe("suspension and lock", () => {
  it("refuses every change of a locked tenant but its unlocking, so evidence stays as it was", () => {
    const t = openTenant({ budgets: [budget()] });
    expect(change(t.sql, t.env, operator(), { locked: true })).toMatchObject({
      value: { locked: true, versions: { state: 2 } },
    });
    const before = t.entries().length;
    const locked = { ok: false, error: { reason: "locked" } };
    expect(createKey(t.sql, t.env, operator(2), newKey({ kid: kidOf(2) }))).toEqual(locked);
    expect(deleteBudget(t.sql, t.env, operator(2), budgetId(1))).toEqual(locked);
    expect(change(t.sql, t.env, operator(2), { name: "Other" })).toEqual(locked);
    expect(t.kinds(before)).toEqual(["call.refused", "call.refused", "call.refused"]);
    expect(listBudgets(t.sql, t.env, operator(2).access)).toMatchObject({ ok: true, value: { length: 1 } });
    expect(change(t.sql, t.env, operator(2), { locked: false })).toMatchObject({ value: { locked: false } });
    expect(createKey(t.sql, t.env, operator(3), newKey({ kid: kidOf(2) })).ok).toBe(true);
    expectInvariants(t);
  });

  it("lets only the suspension itself be changed while suspended, and no tenant's own key do it", () => {
    const t = openTenant();
    change(t.sql, t.env, operator(), { suspended: true });
    const own = { ...byKey, access: access({ versions: { credential: 1, state: 2, policy: 1 } }) };
    expect(change(t.sql, t.env, own, { suspended: false })).toEqual({ ok: false, error: { reason: "suspended" } });
    expect(change(t.sql, t.env, operator(2), { suspended: false, name: "Other" })).toMatchObject({
      error: { reason: "suspended" },
    });
    expect(change(t.sql, t.env, operator(2), { suspended: false })).toMatchObject({ value: { suspended: false } });
  });

  it("refuses a change decided on an older state, so two administrators do not overwrite each other", () => {
    const t = openTenant();
    change(t.sql, t.env, byKey, { name: "Renamed" });
    expect(change(t.sql, t.env, byKey, { name: "Again" })).toMatchObject({
      error: { reason: "stale", which: "state" },
    });
    expect(lookup(t.sql, null).state.settings.name).toBe("Renamed");
  });
});

describe("budgets", () => {
  it("replaces by version and tells conflicts, so a lost update is seen", () => {
    const t = openTenant();
    expect(putBudget(t.sql, t.env, byKey, budget(), 0)).toMatchObject({ ok: true, value: { version: 1 } });
    expect(putBudget(t.sql, t.env, byKey, budget(), 0)).toEqual({ ok: false, error: { reason: "version_conflict" } });
    expect(putBudget(t.sql, t.env, byKey, budget({ limit_nusd: nanoUsd(5) }), 1)).toMatchObject({
      value: { version: 2 },
    });
    expect(putBudget(t.sql, t.env, byKey, budget(), null)).toMatchObject({ value: { version: 3 } });
    expectInvariants(t);
  });

  it("shows the current period and starts the next one from nothing", () => {
    const t = openTenant({ budgets: [budget({ period: "month" })] });
    t.admit(admitRequest(taskId(1), NOON));
    t.settle(settleRequest(taskId(1)));
    t.admit(admitRequest(taskId(2), NOON));
    expect(listBudgets(t.sql, t.env, access())).toMatchObject({
      value: [{ spent_nusd: 1_450_000, held_nusd: 2_000_000, resets_ms: Date.UTC(2026, 11, 1) }],
    });
    t.env.now = Date.UTC(2026, 11, 1);
    expect(listBudgets(t.sql, t.env, access())).toMatchObject({
      value: [{ spent_nusd: 0, held_nusd: 0, resets_ms: Date.UTC(2027, 0, 1) }],
    });
  });

  it("forgets holds with the budget, so one made again under the id owes nothing", () => {
    const t = openTenant({ budgets: [budget()] });
    t.admit(admitRequest(taskId(1), NOON));
    expect(deleteBudget(t.sql, t.env, byKey, budgetId(1)).ok).toBe(true);
    expect(deleteBudget(t.sql, t.env, byKey, budgetId(1))).toEqual({ ok: false, error: { reason: "not_found" } });
    putBudget(t.sql, t.env, byKey, budget(), null);
    expect(t.settle(settleRequest(taskId(1))).ok).toBe(true);
    expect(listBudgets(t.sql, t.env, access())).toMatchObject({ value: [{ spent_nusd: 0, held_nusd: 0 }] });
    expectInvariants(t);
  });

  it("holds on 256 matching budgets and no more exist, so statements stay within the platform's bound", () => {
    const many = LIMITS.budgetsPerTenantMax;
    const t = openTenant({ budgets: Array.from({ length: many }, (_, n) => budget({ id: budgetId(n + 1) })) });
    expect(putBudget(t.sql, t.env, byKey, budget({ id: budgetId(999) }), null)).toEqual({
      ok: false,
      error: { reason: "limit" },
    });
    expect(t.admit(admitRequest(taskId(1), NOON)).ok).toBe(true);
    expectInvariants(t);
    t.settle(settleRequest(taskId(1)));
    expect(t.sql.get("SELECT sum(spent_nusd) AS spent, sum(held_nusd) AS held FROM budget_span")).toEqual({
      spent: many * 1_450_000,
      held: 0,
    });
  });
});

describe("provider credentials", () => {
  // safe because: the shape of a minted reference
  const ref = (n: number) => `cred_${String(n).padStart(26, "0")}` as Parameters<typeof credential>[3];
  const put = (t: ReturnType<typeof openTenant>, n: number, sealed = "c2VhbGVk") =>
    putCredential(t.sql, t.env, byKey, { ref: ref(n), provider: "p", name: `n${n}`, sealed });

  it("gives the sealed secret to one call and to no list or entry, so it is in one place only", () => {
    const t = openTenant();
    const sealed = "Y2FuYXJ5Y2FuYXJ5";
    const made = put(t, 1, sealed);
    const listed = listCredentials(t.sql, t.env, access());
    expect(JSON.stringify([made, listed, t.entries()])).not.toContain(sealed);
    expect(credential(t.sql, t.env, access(), ref(1))).toMatchObject({ value: { sealed } });
    expect(deleteCredential(t.sql, t.env, byKey, ref(1)).ok).toBe(true);
    expect(credential(t.sql, t.env, access(), ref(1))).toEqual({ ok: false, error: { reason: "not_found" } });
    expectInvariants(t);
  });

  it("stops at the bounds, so credentials never fill an object", () => {
    const t = openTenant();
    for (let n = 0; n < LIMITS.credentialsPerTenantMax; n++) expect(put(t, n).ok).toBe(true);
    expect(put(t, 999)).toEqual({ ok: false, error: { reason: "limit" } });
    expect(put(t, 0, "x".repeat(9_000))).toEqual({ ok: false, error: { reason: "limit" } });
    expect(put(t, 0, "again")).toMatchObject({ ok: true });
  });
});

describe("provisioning", () => {
  it("happens once, so a repeated set-up never replaces keys", () => {
    const t = openTenant();
    const again = provision(t.sql, t.env, "acme1", provisionSpec({ data_key: "other" }));
    expect(again).toEqual({ ok: false, error: { reason: "exists" } });
    expect(lookup(t.sql, KID)).toMatchObject({
      state: { id: "acme1", versions: { state: 1, policy: 1 } },
      key: { kid: KID },
    });
    expect(t.kinds()).toEqual(["tenant.provisioned", "key.created"]);
  });
});
