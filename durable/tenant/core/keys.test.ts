import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Change, KeyPage } from "../../../shared/contracts/ports/tenant-store.ts";
import type { Result } from "../../../shared/contracts/result.ts";
import { expectInvariants, NOON, openTenant } from "../../../test/support/tenant-core.ts";
import { access, at, attribution, KID, kidOf, newKey } from "../../../test/support/tenant-fixtures.ts";
import { change, createKey, grantOperator, listKeys, lookup, revokeKey, rotateKey } from "../core.ts";

type Tenant = ReturnType<typeof openTenant>;
const byKey: Change = { access: access(), by: attribution() };
const byToken = (state = 1): Change => ({
  access: access({ kid: null, versions: { credential: 0, state, policy: 1 } }),
  by: attribution({ subject: "operator", credential: "oidc:operator" }),
});
const successor = (n: number, overlap_ms = 0) => ({ kid: kidOf(n), digest: "cd".repeat(32), overlap_ms });
const create = (t: Tenant, n: number, over: Partial<ReturnType<typeof newKey>> = {}) =>
  createKey(t.sql, t.env, byToken(), newKey({ kid: kidOf(n), ...over }));
const refused = (reason: string) => ({ ok: false, error: { reason } });

describe("the entry of a change of keys", () => {
  it("says all of the key but its secret, so that an auditor sees who could do what, and when that ended", () => {
    const t = openTenant();
    const last = () => {
      const { kind, outcome, action, subject, detail } = t.entries().at(-1) ?? {};
      return { kind, outcome, action, subject, detail };
    };
    const told = (kind: string, key: object) => ({
      ...{ kind, outcome: "success", action: "key:write", subject: "operator" },
      detail: { key },
    });
    const made = create(t, 2, { roles: ["developer"], granted: ["inference:*"], expires_ms: at(NOON + 9_000) });
    if (!made.ok) throw new Error(made.error.reason);
    const { last_used_ms: _, ...key } = made.value;
    expect(key).toMatchObject({ roles: ["developer"], granted: ["inference:*"], made_by: ["operator"] });
    expect(last()).toEqual(told("key.created", key));
    rotateKey(t.sql, t.env, byToken(), kidOf(2), successor(3, 1_000));
    const rotated = { ...key, expires_ms: NOON + 1_000, rotated_to: kidOf(3), version: 2 };
    expect(last()).toEqual(told("key.rotated", rotated));
    t.env.now += 5;
    revokeKey(t.sql, t.env, byToken(), kidOf(2));
    expect(last()).toEqual(told("key.revoked", { ...rotated, revoked_ms: NOON + 5, version: 3 }));
    expectInvariants(t);
  });

  it("is written for each that a locked tenant or an altered ledger refuses, under the action that was tried", () => {
    const locked = openTenant();
    create(locked, 2);
    change(locked.sql, locked.env, byToken(), { locked: true });
    const halted = openTenant();
    create(halted, 2);
    halted.sql.run("UPDATE log SET fault = 'forked'");
    const { cell_operator: _, ...key } = newKey({ kid: kidOf(5) });
    for (const [t, state, reason] of [
      [locked, 2, "locked"],
      [halted, 1, "ledger_halted"],
    ] as const) {
      const tries: ((by: Change) => Result<unknown, { reason: string }>)[] = [
        (by) => createKey(t.sql, t.env, by, newKey({ kid: kidOf(4) })),
        (by) => rotateKey(t.sql, t.env, by, kidOf(2), successor(4)),
        (by) => revokeKey(t.sql, t.env, by, kidOf(2)),
        ...(t === halted ? [({ by }: Change) => grantOperator(t.sql, t.env, by, key)] : []),
      ];
      for (const [n, attempt] of tries.entries()) {
        const from = t.entries().length;
        const by = { ...byToken(state), by: attribution({ subject: `operator-${n}` }) };
        expect(attempt(by)).toMatchObject(refused(reason));
        expect(t.entries().slice(from)).toMatchObject([
          { kind: "call.refused", outcome: "failure", action: "key:write", detail: { reason } },
        ]);
      }
      expect(lookup(t.sql, kidOf(2)).key).toMatchObject({ version: 1, revoked_ms: null });
    }
  });
});

describe("a rotation", () => {
  it("is of a key that is there and works: none, a revoked or an expired one has no successor", () => {
    const t = openTenant();
    create(t, 2);
    create(t, 3, { expires_ms: at(NOON + 1_000) });
    revokeKey(t.sql, t.env, byToken(), kidOf(2));
    const rotate = (n: number) => rotateKey(t.sql, t.env, byToken(), kidOf(n), successor(9));
    expect(rotate(8)).toEqual(refused("not_found"));
    expect(rotate(2)).toEqual(refused("revoked"));
    t.env.now = NOON + 1_000;
    expect(rotate(3)).toEqual(refused("revoked"));
    t.env.now = NOON + 999;
    expect(rotate(3).ok).toBe(true);
  });

  it("lets the old key work for as long as was asked, for a week at most, and not at all for less than nothing", () => {
    for (const [asked, granted] of [
      [60_000, 60_000],
      [LIMITS.keyRotationOverlapMsMax + 1, LIMITS.keyRotationOverlapMsMax],
      [-5_000, 0],
    ] as const) {
      const t = openTenant();
      rotateKey(t.sql, t.env, byToken(), KID, successor(2, asked));
      expect(lookup(t.sql, KID).key?.expires_ms).toBe(NOON + granted);
    }
  });

  it("counts against the bound of live keys, as both work for a while", () => {
    const t = openTenant();
    for (let n = 2; n < LIMITS.keysPerTenantMax; n++) create(t, n);
    expect(rotateKey(t.sql, t.env, byToken(), kidOf(2), successor(8_000, 1_000)).ok).toBe(true);
    expect(rotateKey(t.sql, t.env, byToken(), kidOf(3), successor(8_001))).toEqual(refused("limit"));
    t.env.now += 1_000;
    expect(rotateKey(t.sql, t.env, byToken(), kidOf(3), successor(8_001)).ok).toBe(true);
  });
});

describe("the last key that makes keys", () => {
  it("may be revoked by the cell's operators with their own key too, for they can make another", () => {
    const operates = newKey({ cell_operator: true, roles: ["operator"] });
    const t = openTenant({ keys: [operates, newKey({ kid: kidOf(2) })] });
    expect(revokeKey(t.sql, t.env, byKey, kidOf(2)).ok).toBe(true);
  });
});

describe("a key that can make keys", () => {
  it.each([["*"], ["key:*"], ["key:write"]])("is one with the scope %s, and the last of them stays", (scope) => {
    const t = openTenant({ keys: [newKey({ granted: [scope] }), newKey({ kid: kidOf(2), granted: ["key:read"] })] });
    expect(revokeKey(t.sql, t.env, byKey, KID)).toEqual(refused("last_key"));
    expect(revokeKey(t.sql, t.env, byKey, kidOf(2)).ok).toBe(true);
  });
});

describe("the makers of a key", () => {
  const made = (t: Tenant, n: number, by: Change["by"], made_by?: string[]) =>
    createKey(t.sql, t.env, { ...byToken(), by, ...(made_by && { made_by }) }, newKey({ kid: kidOf(n) }));

  it("are looked for by a key's id alone, never in the words of another credential", () => {
    const t = openTenant();
    made(t, 2, attribution({ subject: "alice", credential: "oidc:alice" }));
    const foreign = attribution({ subject: "bob", credential: `oidc:key:${kidOf(2)}` });
    expect(made(t, 3, foreign)).toMatchObject({ value: { made_by: ["bob"] } });
  });

  it("may be as many as the bound says", () => {
    const t = openTenant();
    const many = Array.from({ length: LIMITS.keyMakersMax - 1 }, (_, n) => `maker-${n}`);
    const one = attribution({ subject: "one", credential: "oidc:one" });
    expect(made(t, 2, one, many)).toMatchObject({ value: { made_by: [...many, "one"] } });
    expect(made(t, 3, one, [...many, "two"])).toEqual(refused("limit"));
  });
});

describe("a page of keys", () => {
  const page = (t: Tenant, limit: number, after: string | null = null, of = access()): KeyPage => {
    const listed = listKeys(t.sql, t.env, of, { after, limit });
    if (!listed.ok) throw new Error(listed.error.reason);
    return listed.value;
  };

  it("holds as many as were asked for, and names a next one only where there is one", () => {
    const t = openTenant();
    for (let n = 2; n < 9; n++) create(t, n);
    const seen = [4, 4, 1, 0].map((limit, at) => {
      const { keys, next } = page(t, limit, [null, kidOf(4), kidOf(7), null][at] ?? null);
      return [keys.length, next];
    });
    expect(seen).toEqual([
      [4, kidOf(4)],
      [4, null],
      [1, null],
      [1, KID],
    ]);
  });

  it("holds a hundred at most, whatever was asked for", () => {
    const t = openTenant();
    for (let n = 2; n < LIMITS.pageItemsMax + 10; n++) create(t, n);
    const { keys, next } = page(t, 1_000);
    expect([keys.length, next]).toEqual([LIMITS.pageItemsMax, kidOf(LIMITS.pageItemsMax)]);
  });

  it("is not shown to a key that was revoked, whatever its edge still knows of it", () => {
    const t = openTenant();
    create(t, 2);
    revokeKey(t.sql, t.env, byToken(), KID);
    expect(listKeys(t.sql, t.env, access(), { after: null, limit: 10 })).toEqual(refused("unknown_credential"));
    expect(page(t, 10, null, access({ kid: kidOf(2) })).keys).toHaveLength(2);
  });
});
