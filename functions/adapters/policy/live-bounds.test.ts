import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { TenantId } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { PolicyUnavailable } from "../../../shared/contracts/ports/policy.ts";
import { LayerStore, STATEMENT_KEY } from "../../../test/support/layer-store.ts";
import { TestClock } from "../../../test/support/objects-home.ts";
import { LiveLayers } from "./live-layers.ts";

const TENANT = TenantId.parse("acme");
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (value: string) => new TextEncoder().encode(value);
const KEYS = { id: "k", keys: ["k"] };

let clock: TestClock;
let store: LayerStore;
let deferred: Promise<unknown>[];
let renewals: unknown[];
let opened: string[];
/** Until when bundles open, by their content; the others for ever. */
let expires: Record<string, number>;
let jitter: number;
let layers: LiveLayers<{ name: string; expiresMs: number }, string>;

beforeEach(() => {
  clock = new TestClock();
  store = new LayerStore(() => clock.now());
  store.layers.set(TENANT, { version: 1, active: null, canary: null });
  [deferred, renewals, opened, expires, jitter] = [[], [], [], {}, 0];
  layers = new LiveLayers({
    source: {
      store,
      cell: "local",
      statementKeys: () => [STATEMENT_KEY],
      trust: (configured) => [...configured],
      open(archive) {
        const name = text(archive);
        opened.push(name);
        return { name, expiresMs: expires[name] ?? 9e15 };
      },
    },
    clock,
    defer: (work) => void deferred.push(work),
    jitter: () => jitter,
    onRenewal: (_tenant, failure) => void renewals.push(failure?.cause ?? null),
  });
});
afterEach(() => void vi.useRealTimers());

const get = async (version: number | null = null, keys = KEYS, tenant: TenantId | null = TENANT) =>
  layers.get(tenant, { version, keys });
/** Whether a call is answered from memory. */
const warm = (version: number | null = null, tenant: TenantId | null = TENANT) => {
  const answer = layers.get(tenant, { version, keys: KEYS });
  if (!(answer instanceof Promise)) return true;
  deferred.push(answer.catch(() => {}));
  return false;
};
const settle = () => Promise.all(deferred.splice(0));
const states = () => store.asked.filter((question) => question.startsWith("state")).length;
const activate = (version: number, content: string, canary: string | null = null) =>
  store.layers.set(TENANT, {
    version,
    active: store.keep(bytes(content), version),
    canary: canary === null ? null : { bundle: store.keep(bytes(canary), version), percent: 5 },
  });

describe("a layer is live", () => {
  it("not on a clock that was set back behind its statement by more than clocks may differ", async () => {
    await get();
    clock.advance(-LIMITS.clockSkewS * 1_000);
    expect(warm()).toBe(true);
    clock.advance(-1);
    expect(warm()).toBe(false);
    await settle();
  });

  it("no longer than its bundles open, the canary's too, to the millisecond", async () => {
    for (const expiring of ["active", "canary"]) {
      const version = expiring === "active" ? 2 : 3;
      activate(version, `active ${version}`, `canary ${version}`);
      const untilMs = clock.now() + 1_000;
      expires[`${expiring} ${version}`] = untilMs;
      await get(version);
      clock.advance(999);
      expect(warm(version)).toBe(true);
      clock.advance(1);
      opened = [];
      expect(warm(version)).toBe(false);
      await settle();
      // What does not open any more is not kept in place of what would have to be opened.
      expect(opened).toEqual([`${expiring} ${version}`]);
      clock.advance(LIMITS.policyReloadMsMin);
    }
  });

  it("as the cell's or as its tenant's, and never asked for as the other", async () => {
    store.layers.set(null, { version: 1, active: store.keep(bytes("of the cell"), 1), canary: null });
    activate(2, "of the tenant");
    expect(await get(null, KEYS, null)).toMatchObject({ active: { name: "of the cell" } });
    expect(await get(2)).toMatchObject({ active: { name: "of the tenant" } });
    expect(store.asked).toEqual(["state cell", "bundle cell", "state acme", "bundle tenant"]);
  });

  it("under the keys that opened it alone", async () => {
    await get();
    expect(layers.cell("k").live).toBeNull();
    await get(null, KEYS, null);
    expect([layers.cell("k").live === null, layers.cell("n").live === null]).toEqual([false, true]);
  });
});

describe("a layer is renewed", () => {
  it("every fifteen seconds for the cell, whose version nobody compares, and every five minutes for a tenant", async () => {
    for (const [tenant, afterMs] of [
      [null, LIMITS.policyCellRenewMs],
      [TENANT, LIMITS.policyRenewMs],
    ] as const) {
      await get(null, KEYS, tenant);
      const asked = states();
      clock.advance(afterMs - 1);
      expect([warm(null, tenant), states()]).toEqual([true, asked]);
      clock.advance(1);
      expect([warm(null, tenant), states()]).toEqual([true, asked + 1]);
      await settle();
      expect([warm(null, tenant), states()]).toEqual([true, asked + 1]);
    }
    expect(renewals).toEqual([null, null, null, null]);
  });

  it("up to a fifth earlier, so that isolates that began together do not ask together", async () => {
    jitter = 1;
    await get();
    clock.advance(LIMITS.policyRenewMs * 0.8 - 1);
    expect([warm(), states()]).toEqual([true, 1]);
    clock.advance(1);
    expect([warm(), states()]).toEqual([true, 2]);
    await settle();
  });

  it("without opening a bundle again that it knows, and with opening one that another revision names", async () => {
    activate(2, "two", "three");
    await get(2);
    expect(opened).toEqual(["two", "three"]);
    clock.advance(LIMITS.policyRenewMs);
    warm(2);
    await settle();
    expect(opened).toHaveLength(2);
    const state = store.layers.get(TENANT);
    if (!state?.active || !state.canary) throw new Error("a layer with a canary");
    // The canary is made the active one: both are known.
    store.layers.set(TENANT, { version: 3, active: state.canary.bundle, canary: null });
    expect(await get(3)).toMatchObject({ active: { name: "three" }, canary: null });
    expect(opened).toHaveLength(2);
    store.layers.set(TENANT, { version: 4, active: { ...state.canary.bundle, revision: 9 }, canary: null });
    await get(4);
    expect(opened).toEqual(["two", "three", "three"]);
  });

  it("and tells of a failure until one succeeds, so that a stale cell is seen before it stands still", async () => {
    await get(null, KEYS, null);
    expect(layers.cell("k").failed).toBe(false);
    store.down = new Error("no network");
    clock.advance(LIMITS.policyCellRenewMs);
    warm(null, null);
    await settle();
    expect(layers.cell("k")).toMatchObject({ live: { active: null }, failed: true });
    store.down = null;
    clock.advance(LIMITS.policyRetryMs);
    warm(null, null);
    await settle();
    expect(layers.cell("k").failed).toBe(false);
  });
});

describe("a failed look", () => {
  it("is not repeated within its pause under the same keys, and is at once under others", async () => {
    store.down = new Error("no network");
    await expect(get()).rejects.toThrow(PolicyUnavailable);
    clock.advance(LIMITS.policyReloadMsMin - 1);
    await expect(get()).rejects.toThrow(PolicyUnavailable);
    expect(states()).toBe(1);
    await expect(get(null, { id: "n", keys: ["n"] })).rejects.toThrow(PolicyUnavailable);
    expect(states()).toBe(2);
    clock.advance(LIMITS.policyReloadMsMin);
    await expect(get()).rejects.toMatchObject({ cause: store.down });
    expect(states()).toBe(3);
  });

  it("of a version that another read has overtaken does not bring the older policy back", async () => {
    activate(2, "two");
    const gate = Promise.withResolvers<void>();
    store.gate = gate.promise;
    const early = get(null);
    store.gate = null;
    activate(3, "three");
    expect(await get(3, { id: "n", keys: ["n"] })).toMatchObject({ statement: { version: 3 } });
    gate.resolve();
    await expect(early).rejects.toThrow("a newer version was stated meanwhile");
    expect(await get(3, { id: "n", keys: ["n"] })).toMatchObject({ active: { name: "three" } });
  });
});

describe("a store that does not answer", () => {
  it("is no policy after its time, so that no call waits for ever", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    store.gate = new Promise(() => {});
    const outcome = get().then(
      () => "given out",
      (cause: unknown) => cause,
    );
    await vi.advanceTimersByTimeAsync(LIMITS.policyLoadMsMax);
    expect(await outcome).toBeInstanceOf(PolicyUnavailable);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is asked again by a caller for whom another's question takes too long, and by all once that is too old", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    store.gate = new Promise(() => {});
    const first = get().catch(() => "late");
    const second = get();
    await vi.advanceTimersByTimeAsync(0);
    expect(states()).toBe(1);
    store.gate = null;
    await vi.advanceTimersByTimeAsync(LIMITS.batchStallMs);
    expect(await second).toMatchObject({ statement: { version: 1 } });
    expect(states()).toBe(2);
    await vi.advanceTimersByTimeAsync(LIMITS.policyLoadMsMax);
    expect(await first).toBe("late");

    store.gate = new Promise(() => {});
    clock.advance(LIMITS.policyStatementMsMax + LIMITS.policyReloadMsMin);
    const stuck = get().catch(() => "late");
    await vi.advanceTimersByTimeAsync(0);
    clock.advance(LIMITS.policyLoadMsMax);
    store.gate = null;
    // No time passes for this one: it does not wait for a question that was cut off with its caller.
    expect(await get()).toMatchObject({ statement: { version: 1 } });
    await vi.advanceTimersByTimeAsync(LIMITS.policyLoadMsMax);
    expect(await stuck).toBe("late");
  });
});

describe("the age that is told", () => {
  it("is that of the oldest statement that calls of late were decided under, and of no other", async () => {
    const other = TenantId.parse("other");
    store.layers.set(other, { version: 1, active: null, canary: null });
    expect(layers.ages(60_000)).toEqual({ cell: 0, tenant: 0 });
    store.down = new Error("no network");
    await get(null, KEYS, other).catch(() => {});
    // Whoever has never been given a layer has none that could be old.
    expect(layers.ages(60_000)).toEqual({ cell: 0, tenant: 0 });
    store.down = null;
    await get(null, KEYS, null);
    await get();
    clock.advance(1_000);
    await get(null, KEYS, other);
    clock.advance(2_000);
    expect(layers.ages(60_000)).toEqual({ cell: 3_000, tenant: 3_000 });
    expect(layers.ages(2_000)).toEqual({ cell: 0, tenant: 2_000 });
    expect(layers.ages(3_000)).toEqual({ cell: 3_000, tenant: 3_000 });
    expect(layers.ages(1_999)).toEqual({ cell: 0, tenant: 0 });
    clock.advance(-10_000);
    expect(layers.ages(60_000)).toEqual({ cell: 0, tenant: 0 });
  });
});
