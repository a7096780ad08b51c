import { describe, expect, it } from "vitest";
import { TenantId } from "../../shared/contracts/ids.ts";
import type { LedgerEntry } from "../../shared/contracts/ledger.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { CellStore } from "../../shared/contracts/ports/cell-store.ts";
import type { PolicyLayer, PolicyStore } from "../../shared/contracts/ports/policy-store.ts";
import type { Change, TenantStore } from "../../shared/contracts/ports/tenant-store.ts";
import { verifyStatement } from "../../shared/crypto/policy-statement.ts";
import { policyChange, SIGNING_CELL, STATEMENT_KEY, storable, target } from "../support/policy-fixtures.ts";
import { access, provisionSpec } from "../support/tenant-fixtures.ts";

/** Stores over the same objects; the cell is one that nothing was written to. */
export interface PolicyWorld {
  policies: PolicyStore;
  tenants: Pick<TenantStore, "provision" | "ledger" | "lookup" | "change">;
  cell: Pick<CellStore, "systemLedger">;
}

let tenants = 0;
const LAYERS = ["tenant", "cell"] as const;

/** One layer that nobody has changed yet, with its change count: a tenant's own version moves with each. */
async function fresh(kind: (typeof LAYERS)[number], { policies, tenants: store, cell }: PolicyWorld) {
  const tenant = TenantId.parse(`policy${++tenants}`);
  await store.provision(tenant, provisionSpec());
  const layer: PolicyLayer = kind === "cell" ? { layer: "cell" } : { layer: "tenant", tenant };
  const first = kind === "cell" ? 0 : 1;
  let changes = 0;
  const change = (): Change => policyChange(kind === "cell" ? 0 : changes);
  return {
    layer,
    /** The version after so many changes. */
    version: (count: number) => first + count,
    change,
    put: (revision: number, bytes?: number) => policies.put(layer, change(), storable(revision, bytes)),
    async activate(...args: Parameters<typeof target>) {
      const before = await policies.state(layer);
      const outcome = await policies.activate(layer, change(), target(...args));
      if (outcome.ok && before.ok && outcome.value.version !== before.value.version) changes++;
      return outcome;
    },
    state: async () => {
      const state = await policies.state(layer);
      return state.ok ? state.value : expect.fail("no state");
    },
    states: async () => {
      const list = await policies.list(layer, change().access);
      return list.ok ? list.value.bundles.map(({ revision, state }) => `${revision} ${state}`) : list.error;
    },
    async entries(): Promise<LedgerEntry[]> {
      const page = { from: 0, limit: LIMITS.pageItemsMax };
      if (kind === "cell") return (await cell.systemLedger(page)).entries;
      const ledger = await store.ledger(tenant, change().access, page);
      return ledger.ok
        ? ledger.value.entries.filter(({ kind: of }) => of.startsWith("policy."))
        : expect.fail("ledger");
    },
  };
}

const ref = (revision: number, bytes?: number) => ({ revision, digest: storable(revision, bytes).digest });

/** What every `PolicyStore` promises, of both layers; `open` answers stores whose cell is new. */
export function policyStoreContract(name: string, open: () => PolicyWorld): void {
  describe.each(LAYERS)(`PolicyStore over ${name}, the %s's layer`, (kind) => {
    it("states that nothing is in force before anything was activated, so that an edge never takes silence for it", async () => {
      const world = open();
      const { layer, put, state, states, version } = await fresh(kind, world);
      const asked = Date.now();
      await put(1);
      const { statement, ...rest } = await state();
      expect(rest).toEqual({ version: version(0), active: null, canary: null });
      expect(await states()).toEqual(["1 stored"]);
      const tenant = layer.layer === "tenant" ? layer.tenant : null;
      const verified = verifyStatement(statement, [STATEMENT_KEY], { cell: SIGNING_CELL, tenant, nowMs: asked });
      if (!verified.ok) expect.fail(verified.error.reason);
      const { issued_ms, expires_ms, ...stated } = verified.value;
      expect(stated).toEqual({ schema_version: 1, cell: SIGNING_CELL, tenant, ...rest });
      expect(expires_ms - issued_ms).toBe(LIMITS.policyStatementMsMax);
      expect(Math.abs(issued_ms - asked)).toBeLessThan(60_000);
    });

    it("puts a bundle in force for all and states it in the same answer, so that activation has one moment", async () => {
      const { activate, put, state, version } = await fresh(kind, open());
      await put(3);
      const activated = await activate(3);
      expect(activated).toMatchObject({ ok: true, value: { version: version(1), active: ref(3), canary: null } });
      const { statement, ...now } = await state();
      const text = activated.ok ? activated.value.statement : "";
      const payload = (of: string) => JSON.parse(atob(of.split(".")[0]?.replace(/-/g, "+").replace(/_/g, "/") ?? ""));
      expect(payload(text)).toMatchObject({ ...now });
      expect(payload(statement)).toMatchObject({ ...now });
      expect(await activate(3)).toMatchObject({ value: { version: version(1) } });
    });

    it("gives back the bytes that were verified, as large as a bundle may be, and no larger one", async () => {
      const world = open();
      const { layer, put } = await fresh(kind, world);
      const largest = storable(1, LIMITS.policyBundleBytesMax);
      expect(await put(1, LIMITS.policyBundleBytesMax)).toMatchObject({
        value: { ...ref(1, LIMITS.policyBundleBytesMax), bytes: LIMITS.policyBundleBytesMax, state: "stored" },
      });
      const kept = await world.policies.bundle(layer, largest.digest);
      if (!kept.ok) expect.fail(kept.error.reason);
      expect(Buffer.compare(kept.value, largest.archive)).toBe(0);
      expect(await put(2, LIMITS.policyBundleBytesMax + 1)).toEqual({ ok: false, error: { reason: "limit" } });
      expect(await world.policies.bundle(layer, storable(9).digest)).toEqual({
        ok: false,
        error: { reason: "not_found" },
      });
    });

    it("takes a revision once and only upwards, so that an old bundle is never put in a new one's place", async () => {
      const { put, states, entries } = await fresh(kind, open());
      await put(5);
      expect(await put(5)).toMatchObject({ ok: true, value: ref(5) });
      for (const [revision, bytes] of [
        [5, 65],
        [4, 64],
        [0, 64],
        [-1, 64],
        [2 ** 53, 64],
      ] as const)
        expect(await put(revision, bytes)).toEqual({
          ok: false,
          error: { reason: "revision_not_increasing", newest: 5 },
        });
      expect(await states()).toEqual(["5 stored"]);
      expect((await entries()).map(({ kind: of }) => of)).toEqual(["policy.bundle_stored"]);
    });

    it("goes back only when asked to by name, so that no replayed call revives an older policy", async () => {
      const { put, activate, state, states } = await fresh(kind, open());
      for (const revision of [1, 2, 3]) await put(revision);
      await activate(1);
      await activate(3);
      expect(await activate(2)).toEqual({ ok: false, error: { reason: "older_revision" } });
      expect(await activate(4)).toEqual({ ok: false, error: { reason: "not_found" } });
      expect(await activate(2, { rollback: true })).toMatchObject({ value: { active: ref(2) } });
      expect(await states()).toEqual(["3 stored", "2 active", "1 stored"]);
      expect(await activate(3)).toMatchObject({ value: { active: ref(3) } });
      expect((await state()).active).toEqual(ref(3));
    });

    it("rolls back to what was in force before, step by step, and past the first bundle to none", async () => {
      const { put, activate } = await fresh(kind, open());
      for (const revision of [1, 2, 3]) await put(revision);
      for (const revision of [1, 2, 3]) await activate(revision);
      const back = async () => {
        const outcome = await activate(null, { rollback: true });
        return outcome.ok ? (outcome.value.active?.revision ?? null) : outcome.error.reason;
      };
      expect([await back(), await back(), await back(), await back()]).toEqual([2, 1, null, "not_found"]);
      expect(await activate(3)).toMatchObject({ ok: true });
      expect(await back()).toBe(null);
    });

    it("gives a canary to a share of the actors beside what is active, until it ends or takes over", async () => {
      const { put, activate, state, states, version } = await fresh(kind, open());
      for (const revision of [1, 2, 3]) await put(revision);
      await activate(2);
      expect(await activate(3, { canary_percent: 5 })).toMatchObject({
        value: { version: version(2), active: ref(2), canary: { bundle: ref(3), percent: 5 } },
      });
      expect(await states()).toEqual(["3 canary", "2 active", "1 stored"]);
      expect(await activate(1, { canary_percent: 5 })).toEqual({ ok: false, error: { reason: "older_revision" } });
      expect(await activate(2, { canary_percent: 5, rollback: true })).toEqual({
        ok: false,
        error: { reason: "older_revision" },
      });
      expect(await activate(3, { canary_percent: 50 })).toMatchObject({ value: { canary: { percent: 50 } } });
      expect(await activate(null)).toMatchObject({ value: { version: version(4), active: ref(2), canary: null } });
      expect(await activate(null)).toMatchObject({ value: { version: version(4) } });
      await activate(3, { canary_percent: 99 });
      await activate(3);
      expect(await state()).toMatchObject({ active: ref(3), canary: null, version: version(6) });
    });

    it("changes nothing for who did not see the last change, so that two officers never undo each other unknowing", async () => {
      const { put, activate, state, version } = await fresh(kind, open());
      for (const revision of [1, 2]) await put(revision);
      expect(await activate(1, { expected_version: version(0) })).toMatchObject({ ok: true });
      expect(await activate(2, { expected_version: version(0) })).toEqual({
        ok: false,
        error: { reason: "version_conflict" },
      });
      expect((await state()).active).toEqual(ref(1));
    });

    it("keeps so many bundles and lets the oldest go that nothing needs, so that an object does not grow for ever", async () => {
      const world = open();
      const { layer, put, activate, states } = await fresh(kind, world);
      const kept = LIMITS.policyBundlesKeptMax;
      for (const revision of [1, 2, 3]) await put(revision);
      await activate(1);
      await activate(2);
      for (let revision = 4; revision <= kept + 2; revision++) await put(revision);
      const all = await states();
      expect(all).toHaveLength(kept + 2);
      // In force, and where a roll back goes: the next two in age went instead.
      if (typeof all === "string" || !Array.isArray(all)) expect.fail("no list");
      expect(all.slice(-5)).toEqual(["5 stored", "4 retired", "3 retired", "2 active", "1 stored"]);
      expect(await world.policies.bundle(layer, storable(3).digest)).toMatchObject({ error: { reason: "not_found" } });
      expect(await activate(3)).toEqual({ ok: false, error: { reason: "not_found" } });
      expect(await put(3)).toMatchObject({ error: { reason: "revision_not_increasing", newest: kept + 2 } });
      expect(await activate(null, { rollback: true })).toMatchObject({ value: { active: ref(1) } });
    });

    it("ledgers every change with who made it and what was in force before and after", async () => {
      const { put, activate, entries, version } = await fresh(kind, open());
      for (const revision of [1, 2]) await put(revision);
      await activate(1);
      await activate(2, { canary_percent: 10 });
      await activate(2);
      await activate(null, { rollback: true });
      const written = await entries();
      expect(written.map(({ kind: of }) => of)).toEqual([
        "policy.bundle_stored",
        "policy.bundle_stored",
        "policy.activated",
        "policy.canary",
        "policy.activated",
        "policy.rolled_back",
      ]);
      for (const { subject, credential, request, outcome } of written)
        expect([subject, credential, request, outcome]).toEqual([
          "user:officer",
          policyChange().by.credential,
          policyChange().by.request,
          "success",
        ]);
      expect(written.map(({ action }) => action)).toEqual([
        ...Array(2).fill("policy:write"),
        ...Array(4).fill("policy:activate"),
      ]);
      expect(written[0]?.detail).toMatchObject({ layer: kind, bundle: { ...ref(1), signed_by: "release-1" } });
      expect(written[3]?.detail).toMatchObject({
        from: { active: ref(1), canary: null },
        to: { active: ref(1), canary: { bundle: ref(2), percent: 10 } },
        version: version(2),
      });
      expect(written[5]?.detail).toMatchObject({ from: { active: ref(2) }, to: { active: ref(1) } });
    });
  });

  describe(`PolicyStore over ${name}, a tenant's layer`, () => {
    it("makes edges that decided by the policy before decide again, so that activation takes effect on the next request", async () => {
      const world = open();
      const { layer, put, activate } = await fresh("tenant", world);
      await put(1);
      await activate(1);
      if (layer.layer !== "tenant") expect.fail("not a tenant");
      const page = { from: 0, limit: 1 };
      expect(await world.tenants.ledger(layer.tenant, access(), page)).toMatchObject({
        error: { reason: "stale", which: "policy", current: { policy: 2 } },
      });
      const found = await world.tenants.lookup(layer.tenant, null);
      expect(found).toMatchObject({ value: { state: { versions: { policy: 2 } } } });
    });

    it("takes changes under the current credential and state only", async () => {
      const world = open();
      const { layer, put } = await fresh("tenant", world);
      if (layer.layer !== "tenant") expect.fail("not a tenant");
      await put(1);
      const stale = { access: access({ versions: { credential: 1, state: 0, policy: 1 } }), by: policyChange().by };
      expect(await world.policies.put(layer, stale, storable(2))).toMatchObject({ error: { reason: "stale" } });
      expect(await world.policies.activate(layer, stale, target(1))).toMatchObject({ error: { reason: "stale" } });
      expect(await world.policies.list(layer, stale.access)).toMatchObject({ error: { reason: "stale" } });
      await world.tenants.change(layer.tenant, { ...policyChange(), access: access({ kid: null }) }, { locked: true });
      const locked = { ...policyChange(), access: access({ versions: { credential: 1, state: 2, policy: 1 } }) };
      expect(await world.policies.activate(layer, locked, target(1))).toEqual({
        ok: false,
        error: { reason: "locked" },
      });
      expect(await world.policies.state(layer)).toMatchObject({ value: { active: null, version: 1 } });
    });

    it("is nobody's where there is no tenant", async () => {
      const { policies } = open();
      const layer = { layer: "tenant", tenant: TenantId.parse("nobody") } as const;
      const unknown = { ok: false, error: { reason: "unknown_tenant" } };
      expect(await policies.state(layer)).toEqual(unknown);
      expect(await policies.bundle(layer, storable(1).digest)).toEqual(unknown);
      expect(await policies.put(layer, policyChange(), storable(1))).toEqual(unknown);
      expect(await policies.activate(layer, policyChange(), target(1))).toEqual(unknown);
      expect(await policies.list(layer, access())).toEqual(unknown);
    });

    it("knows no other layer's bundles, so that one tenant's policy is never another's", async () => {
      const world = open();
      const [one, other] = [await fresh("tenant", world), await fresh("tenant", world)];
      await one.put(1);
      expect(await other.states()).toEqual([]);
      expect(await other.activate(1)).toEqual({ ok: false, error: { reason: "not_found" } });
      expect(await world.policies.bundle(other.layer, storable(1).digest)).toMatchObject({ ok: false });
      expect(await world.policies.bundle({ layer: "cell" }, storable(1).digest)).toMatchObject({ ok: false });
    });
  });
}
