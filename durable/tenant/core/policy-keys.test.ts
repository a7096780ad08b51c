import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Change } from "../../../shared/contracts/ports/tenant-store.ts";
import { registeredKeysDigest } from "../../../shared/crypto/registered-keys-digest.ts";
import { storable, target } from "../../../test/support/policy-fixtures.ts";
import { expectInvariants, openTenant } from "../../../test/support/tenant-core.ts";
import { access, attribution } from "../../../test/support/tenant-fixtures.ts";
import {
  activateBundle,
  deletePolicyKey,
  listBundles,
  policyKeys,
  policyState,
  putBundle,
  putPolicyKey,
} from "../core.ts";

type Tenant = ReturnType<typeof openTenant>;
const PEM = (text: string) => `-----BEGIN PUBLIC KEY-----\n${text}\n-----END PUBLIC KEY-----\n`;
const key = (id: string, text = "AAAA") => ({ id, algorithm: "EdDSA" as const, public_key: PEM(text) });

const versions = (t: Tenant) => ({ ...access().versions, policy: policyState(t.sql).version });
const change = (t: Tenant): Change => ({ access: { ...access(), versions: versions(t) }, by: attribution() });
const put = (t: Tenant, id: string, text?: string) => putPolicyKey(t.sql, t.env, change(t), key(id, text));
const remove = (t: Tenant, id: string) => deletePolicyKey(t.sql, t.env, change(t), id);
const ids = (t: Tenant) => {
  const found = policyKeys(t.sql, t.env, change(t).access);
  return found.ok ? found.value.keys.map(({ id }) => id) : found.error.reason;
};
/** Keeps a bundle that this key signed. */
const keep = (t: Tenant, revision: number, signed_by: string) =>
  putBundle(t.sql, t.env, change(t), { ...storable(revision), signed_by });
const activate = (t: Tenant, ...args: Parameters<typeof target>) =>
  activateBundle(t.sql, t.env, change(t), target(...args));
const states = (t: Tenant) => {
  const found = listBundles(t.sql, t.env, change(t).access);
  return found.ok ? found.value.bundles.map(({ revision, state }) => `${revision} ${state}`) : found.error.reason;
};

describe("a key that a tenant registers", () => {
  it("moves the version of its policy and is ledgered, so that edges trust it from the next request on", () => {
    const t = openTenant();
    const before = policyState(t.sql);
    expect(before.keys).toBeUndefined();
    expect(put(t, "b")).toMatchObject({ ok: true, value: { ...key("b"), created_by: "service:demo" } });
    put(t, "a");
    expect(policyState(t.sql)).toMatchObject({ version: before.version + 2, keys: [{ id: "a" }, { id: "b" }] });
    expect(t.entries().at(-1)).toMatchObject({
      ...{ kind: "policy.key_registered", outcome: "success", action: "policy:write" },
      detail: {
        ...{ layer: "tenant", retired: [], version: before.version + 2 },
        key: { algorithm: "EdDSA", id: "a", digest: registeredKeysDigest([key("a")]) },
      },
    });
    expectInvariants(t);
  });

  it("is the same key when it comes again, which changes nothing", () => {
    const t = openTenant();
    put(t, "a");
    const [state, entries] = [policyState(t.sql), t.entries().length];
    put(t, "a");
    expect([policyState(t.sql), t.entries().length]).toEqual([state, entries]);
  });

  it("is one of a bounded number", () => {
    const t = openTenant();
    for (let n = 0; n < LIMITS.bundleKeysMax; n++) put(t, `k${n}`);
    expect(put(t, "more")).toEqual({ ok: false, error: { reason: "limit" } });
    expect(put(t, "k0", "BBBB").ok).toBe(true);
  });

  it("is refused under a compliance lock", () => {
    const t = openTenant();
    t.sql.run("UPDATE tenant SET locked = 1");
    for (const attempt of [put, remove]) {
      const from = t.entries().length;
      t.env.now += 60_000;
      expect(attempt(t, "a")).toEqual({ ok: false, error: { reason: "locked" } });
      expect(t.entries().slice(from)).toMatchObject([{ kind: "call.refused", action: "policy:write" }]);
    }
  });

  it("goes when it is removed, and what it signed with it, so that nobody goes back to a bundle nobody can verify", () => {
    const t = openTenant();
    put(t, "a");
    put(t, "b");
    keep(t, 1, "a");
    keep(t, 2, "b");
    activate(t, 1);
    activate(t, 2);
    expect(remove(t, "a")).toMatchObject({ ok: true, value: { keys: [{ id: "b" }] } });
    expect(states(t)).toEqual(["2 active", "1 retired"]);
    expect(activate(t, null, { rollback: true })).toEqual({ ok: false, error: { reason: "not_found" } });
    expect(t.entries().at(-1)).toMatchObject({ kind: "policy.key_removed", detail: { retired: [1] } });
    expect(remove(t, "a")).toEqual({ ok: false, error: { reason: "not_found" } });
  });

  it("stays as long as it signs what is in force, canary included: removing it would leave the tenant without a policy", () => {
    const t = openTenant();
    put(t, "a");
    put(t, "b");
    keep(t, 1, "a");
    keep(t, 2, "b");
    activate(t, 1);
    activate(t, 2, { canary_percent: 10 });
    for (const id of ["a", "b"]) {
      expect(remove(t, id)).toEqual({ ok: false, error: { reason: "in_use" } });
      expect(put(t, id, "BBBB")).toEqual({ ok: false, error: { reason: "in_use" } });
    }
    expect(ids(t)).toEqual(["a", "b"]);
  });
});

describe("a bundle of a tenant", () => {
  it("is in force with the next version, which every edge that decided before it is behind, and on record with its layer", () => {
    const t = openTenant();
    put(t, "a");
    const before = policyState(t.sql).version;
    keep(t, 1, "a");
    expect(policyState(t.sql).version).toBe(before);
    const { revision, digest } = storable(1);
    expect(t.entries().at(-1)).toMatchObject({
      ...{ kind: "policy.bundle_stored", outcome: "success", action: "policy:write" },
      detail: { layer: "tenant", bundle: { revision, digest, signed_by: "a" } },
    });
    expect(activate(t, 1)).toMatchObject({ value: { version: before + 1, active: { revision }, keys: [{ id: "a" }] } });
    expect(policyState(t.sql)).toMatchObject({ version: before + 1, active: { revision } });
    expect(t.entries().at(-1)).toMatchObject({
      ...{ kind: "policy.activated", outcome: "success", action: "policy:activate" },
      detail: { layer: "tenant", version: before + 1 },
    });
  });

  it("is refused under a compliance lock, on record under what was tried", () => {
    const t = openTenant();
    put(t, "a");
    keep(t, 1, "a");
    t.sql.run("UPDATE tenant SET locked = 1");
    for (const [attempt, action] of [
      [() => keep(t, 2, "a"), "policy:write"],
      [() => activate(t, 1), "policy:activate"],
    ] as const) {
      expect(attempt()).toEqual({ ok: false, error: { reason: "locked" } });
      expect(t.entries().at(-1)).toMatchObject({ kind: "call.refused", action });
    }
  });
});
