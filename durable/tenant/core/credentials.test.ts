import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Change, ProviderCredential } from "../../../shared/contracts/ports/tenant-store.ts";
import { NOON, openTenant } from "../../../test/support/tenant-core.ts";
import { access, attribution, KID } from "../../../test/support/tenant-fixtures.ts";
import { credential, deleteCredential, listCredentials, putCredential, revokeKey } from "../core.ts";

type Tenant = ReturnType<typeof openTenant>;
const change: Change = { access: access(), by: attribution({ subject: "admin" }) };
// safe because: the shape of a minted reference
const ref = (n: number) => `cred_${String(n).padStart(26, "0")}` as ProviderCredential["ref"];
const given = (n: number, members: Partial<ProviderCredential> = {}) => ({
  ...{ ref: ref(n), provider: "near", name: `n${n}`, sealed: "c2VhbGVk" },
  ...members,
});
const put = (t: Tenant, n: number, members?: Partial<ProviderCredential>) =>
  putCredential(t.sql, t.env, change, given(n, members));
const last = (t: Tenant) => {
  const { kind, outcome, action, subject, detail } = t.entries().at(-1) ?? {};
  return { kind, outcome, action, subject, detail };
};

describe("a provider's credential", () => {
  it("is told by all but its secret when it is made, replaced and deleted, so that an auditor sees who could pay with what", () => {
    const t = openTenant();
    const told = (kind: string, detail: object) => ({
      ...{ kind, outcome: "success", action: "credential:write", subject: "admin" },
      detail: { credential: detail },
    });
    const { sealed: _, ...first } = given(1);
    expect(put(t, 1)).toEqual({ ok: true, value: { ...first, created_ms: NOON } });
    expect(last(t)).toEqual(told("credential.created", { ...first, replaced: false }));
    t.env.now += 5;
    const other = { ...first, provider: "far", name: "renamed" };
    expect(put(t, 1, { ...other, sealed: "b3RoZXI" })).toEqual({ ok: true, value: { ...other, created_ms: NOON } });
    expect(last(t)).toEqual(told("credential.created", { ...other, replaced: true }));
    expect(credential(t.sql, t.env, access(), ref(1))).toEqual({
      ok: true,
      value: { ...other, sealed: "b3RoZXI", created_ms: NOON },
    });
    expect(deleteCredential(t.sql, t.env, change, ref(1))).toEqual({ ok: true, value: null });
    expect(last(t)).toEqual(told("credential.deleted", { ref: ref(1) }));
  });

  it("is one of its own: deleting it leaves the others, and deleting it again is told", () => {
    const t = openTenant();
    for (const n of [3, 1, 2]) put(t, n);
    deleteCredential(t.sql, t.env, change, ref(2));
    expect(deleteCredential(t.sql, t.env, change, ref(2))).toEqual({ ok: false, error: { reason: "not_found" } });
    const listed = listCredentials(t.sql, t.env, access());
    expect(listed).toEqual({
      ok: true,
      value: [1, 3].map((n) => ({ ref: ref(n), provider: "near", name: `n${n}`, created_ms: NOON })),
    });
    expect(credential(t.sql, t.env, access(), ref(3))).toMatchObject({ value: { ref: ref(3) } });
  });

  it("may be as long as a sealed secret gets", () => {
    const t = openTenant();
    const sealed = "x".repeat(2 * LIMITS.credentialSecretBytesMax);
    expect(put(t, 1, { sealed }).ok).toBe(true);
    expect(put(t, 2, { sealed: `${sealed}x` })).toEqual({ ok: false, error: { reason: "limit" } });
  });

  it("is neither listed nor given out to a key that was revoked, nor changed in a locked tenant", () => {
    const t = openTenant();
    put(t, 1);
    t.sql.run("UPDATE tenant SET locked = 1");
    const locked = { ok: false, error: { reason: "locked" } };
    for (const attempt of [() => put(t, 2), () => deleteCredential(t.sql, t.env, change, ref(1))]) {
      const from = t.entries().length;
      t.env.now += 60_000;
      expect(attempt()).toEqual(locked);
      expect(t.entries().slice(from)).toMatchObject([{ kind: "call.refused", action: "credential:write" }]);
    }
    t.sql.run("UPDATE tenant SET locked = 0");
    const token = { ...change, access: access({ kid: null, versions: { credential: 0, state: 1, policy: 1 } }) };
    revokeKey(t.sql, t.env, token, KID);
    const unknown = { ok: false, error: { reason: "unknown_credential" } };
    expect(listCredentials(t.sql, t.env, access())).toEqual(unknown);
    expect(credential(t.sql, t.env, access(), ref(1))).toEqual(unknown);
  });
});
