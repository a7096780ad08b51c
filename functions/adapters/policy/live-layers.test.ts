import { beforeEach, describe, expect, it } from "vitest";
import { TenantId, type UnixMs } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { PolicyUnavailable } from "../../../shared/contracts/ports/policy.ts";
import { signStatement } from "../../../shared/crypto/policy-statement.ts";
import { FOREIGN_KEY, LayerStore, STATEMENT_KEY } from "../../../test/support/layer-store.ts";
import { TestClock } from "../../../test/support/objects-home.ts";
import { inCanary } from "./canary.ts";
import { LiveLayers } from "./live-layers.ts";
import { Recent } from "./recent.ts";

const TENANT = TenantId.parse("acme");
const OTHER = TenantId.parse("other");
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (value: string) => new TextEncoder().encode(value);

let clock: TestClock;
let store: LayerStore;
let deferred: Promise<unknown>[];
let renewals: (unknown | null)[];
let layers: LiveLayers<{ name: string; expiresMs: number }, string>;

beforeEach(() => {
  clock = new TestClock();
  store = new LayerStore(() => clock.now());
  store.layers.set(TENANT, { version: 1, active: null, canary: null });
  deferred = [];
  renewals = [];
  layers = new LiveLayers({
    source: {
      store,
      cell: "local",
      statementKeys: () => [STATEMENT_KEY],
      trust: (configured, registered) => [...configured, ...registered.map(({ id }) => id)],
      open: (archive, _stated, _tenant, keys) => ({
        name: `${text(archive)} under ${keys.join("+")}`,
        expiresMs: 9e15,
      }),
    },
    clock,
    defer: (work) => void deferred.push(work),
    jitter: () => 0,
    onRenewal: (_tenant, failure) => void renewals.push(failure?.cause ?? null),
  });
});

const KEYS = { id: "k", keys: ["k"] };
const get = (version: number | null = null, keys = KEYS, tenant: TenantId | null = TENANT) =>
  (async () => layers.get(tenant, { version, keys }))();
const settle = () => Promise.all(deferred.splice(0));
const activate = (version: number, content: string) =>
  store.layers.set(TENANT, { version, active: store.keep(bytes(content), version), canary: null });

describe("a layer is given out", () => {
  it("after one look at its object, and then from memory, so that a warm call waits for nothing", async () => {
    activate(2, "two");
    expect(await get()).toMatchObject({ active: { name: "two under k" }, statement: { version: 2 } });
    expect(store.asked).toEqual(["state acme", "bundle tenant"]);
    expect(layers.get(TENANT, { version: 2, keys: KEYS })).not.toBeInstanceOf(Promise);
    expect(store.asked).toHaveLength(2);
  });

  it("under the keys that its tenant registered too, and opened anew when one of them goes", async () => {
    const [one, two] = ["one", "two"].map((id) => ({
      ...{ id, algorithm: "ES256" as const, public_key: "pem", created_by: "user:officer" },
      created_ms: 1 as UnixMs, // safe because: milliseconds
    }));
    if (!one || !two) throw new Error("two keys");
    activate(2, "two");
    const state = store.layers.get(TENANT);
    if (!state) throw new Error("a layer");
    store.layers.set(TENANT, { ...state, keys: [one, two] });
    expect(await get()).toMatchObject({ active: { name: "two under k+one+two" } });
    store.layers.set(TENANT, { ...state, version: 3, keys: [two] });
    expect(await get(3)).toMatchObject({ active: { name: "two under k+two" } });
  });

  it("under no key that its statement does not tell of, so that none is slipped in beside a signed state", async () => {
    activate(2, "two");
    const slipped = { id: "evil", algorithm: "ES256" as const, public_key: "pem", created_by: "x" };
    const state = store.layers.get(TENANT);
    store.forged = store.statement(TENANT);
    if (!state) throw new Error("a layer");
    store.layers.set(TENANT, { ...state, keys: [{ ...slipped, created_ms: 1 as UnixMs }] }); // safe because: milliseconds
    await expect(get()).rejects.toThrow("not those that were stated");
  });

  it("renewed after five minutes beside the call that came by, once however many come", async () => {
    activate(2, "two");
    await get();
    clock.advance(LIMITS.policyRenewMs);
    for (let calls = 0; calls < 5; calls++)
      expect(layers.get(TENANT, { version: 2, keys: KEYS })).not.toBeInstanceOf(Promise);
    await settle();
    // The bundle is known: only its statement is new.
    expect(store.asked).toEqual(["state acme", "bundle tenant", "state acme"]);
    clock.advance(LIMITS.policyStatementMsMax - 1);
    expect(layers.get(TENANT, { version: 2, keys: KEYS })).not.toBeInstanceOf(Promise);
  });

  it("of the version that the caller knows of, so that an activation counts from the next request on", async () => {
    activate(2, "two");
    await get(2);
    activate(3, "three");
    expect(await get(3)).toMatchObject({ active: { name: "three under k" } });
    expect(await get(2)).toMatchObject({ active: { name: "three under k" }, statement: { version: 3 } });
  });

  it("opened again when the keys change, so that a withdrawn key signs for nothing any more", async () => {
    activate(2, "two");
    await get();
    expect(await get(null, { id: "n", keys: ["n"] })).toMatchObject({ active: { name: "two under n" } });
    expect(store.asked.filter((question) => question.startsWith("bundle"))).toHaveLength(2);
  });

  it("read once for all callers that wait for it", async () => {
    await Promise.all([get(), get(), get(1), get()]);
    expect(store.asked).toEqual(["state acme"]);
  });

  it("of a read that began after the change, so that no caller is decided by what was in force before it", async () => {
    const gate = Promise.withResolvers<void>();
    store.gate = gate.promise;
    const early = get();
    activate(2, "two");
    const late = get(2);
    gate.resolve();
    expect(await early).toMatchObject({ statement: { version: 1 } });
    expect(await late).toMatchObject({ statement: { version: 2 }, active: { name: "two under k" } });
  });

  it("apart for each tenant and for the cell", async () => {
    activate(2, "two");
    expect(await get(null, KEYS, null)).toMatchObject({ active: null, statement: { tenant: null, version: 0 } });
    expect(await get()).toMatchObject({ active: { name: "two under k" } });
    expect(layers.cell("k").live).toMatchObject({ active: null });
    expect(layers.cell("other").live).toBeNull();
  });
});

describe("there is no policy, rather than a wrong one,", () => {
  const refused = async (...args: Parameters<typeof get>) => expect(get(...args)).rejects.toThrow(PolicyUnavailable);

  it("while the store does not answer at the first look", async () => {
    store.down = new Error("no network");
    await refused();
    expect(renewals).toEqual([store.down]);
  });

  it("for a tenant that the cell does not have", async () => {
    await refused(null, KEYS, OTHER);
  });

  it("once the statement has expired and none follows, to the millisecond", async () => {
    await get();
    store.down = new Error("no network");
    clock.advance(LIMITS.policyStatementMsMax - 1);
    expect(layers.get(TENANT, { version: 1, keys: KEYS })).not.toBeInstanceOf(Promise);
    await settle();
    clock.advance(1);
    await refused(1);
    store.down = null;
    clock.advance(LIMITS.policyReloadMsMin);
    expect(await get(1)).toMatchObject({ statement: { version: 1 } });
  });

  it("under a statement of another cell, of another tenant, of the cell itself, or by another key", async () => {
    for (const forge of [
      () => Object.assign(store, { cell: "us1" }),
      () => Object.assign(store, { key: FOREIGN_KEY }),
      () => Object.assign(store, { forged: store.statement(OTHER) }),
      () => Object.assign(store, { forged: store.statement(null) }),
      () => Object.assign(store, { forged: store.statement(TENANT).split(".")[0] }),
      () => Object.assign(store, { forged: "" }),
    ]) {
      Object.assign(store, { cell: "local", key: STATEMENT_KEY, forged: null });
      forge();
      clock.advance(LIMITS.policyReloadMsMin);
      await refused();
    }
  });

  it("under a statement that is old when it comes, or is good for longer than statements may be", async () => {
    store.forged = store.statement(TENANT);
    clock.advance(LIMITS.policyStatementMsMax);
    await refused();
    store.forged = signStatement(
      {
        ...{ schema_version: 1, cell: "local", tenant: TENANT, version: 1, active: null, canary: null },
        ...{ issued_ms: clock.now(), expires_ms: clock.now() + LIMITS.policyStatementMsMax + 1 },
      },
      STATEMENT_KEY,
    );
    clock.advance(LIMITS.policyReloadMsMin);
    await refused();
  });

  it("when the object states an older version than it stated before, so that a store set back brings no old policy", async () => {
    activate(5, "five");
    await get(5);
    activate(4, "four");
    clock.advance(LIMITS.policyRenewMs);
    // What is live goes on until it expires.
    expect(await get(5)).toMatchObject({ active: { name: "five under k" } });
    await settle();
    expect(renewals.at(-1)).toBeInstanceOf(PolicyUnavailable);
    clock.advance(LIMITS.policyStatementMsMax);
    await refused(5);
    await refused(null);
  });

  it("when the object knows less than the caller", async () => {
    await refused(2);
  });

  it("when the stated bundle is gone, or its bytes were changed in the store", async () => {
    activate(2, "two");
    const digest = store.layers.get(TENANT)?.active?.digest ?? "";
    store.archives.set(digest, bytes("twO"));
    await refused();
    store.archives.delete(digest);
    clock.advance(LIMITS.policyReloadMsMin);
    await refused();
    store.archives.set(digest, bytes("two"));
    clock.advance(LIMITS.policyReloadMsMin);
    expect(await get()).toMatchObject({ active: { name: "two under k" } });
  });

  it("when a canary's bundle is gone, so that its share of the actors is not quietly given the other one", async () => {
    store.layers.set(TENANT, {
      version: 2,
      active: null,
      canary: { bundle: { revision: 9, digest: `sha256:${"0".repeat(64)}` }, percent: 1 },
    });
    await refused();
  });
});

describe("a store that fails", () => {
  it("is not asked by every call, and not for ever left alone", async () => {
    store.down = new Error("no network");
    for (let calls = 0; calls < 5; calls++) await get().catch(() => {});
    expect(store.asked).toHaveLength(1);
    clock.advance(LIMITS.policyReloadMsMin);
    store.down = null;
    await get();
    expect(store.asked).toHaveLength(2);
  });

  it("costs one renewal in ten seconds while the statement is good", async () => {
    await get();
    store.down = new Error("no network");
    clock.advance(LIMITS.policyRenewMs);
    for (let calls = 0; calls < 5; calls++) {
      await get();
      await settle();
    }
    expect(store.asked).toHaveLength(2);
    expect(layers.ages(60_000).tenant).toBe(LIMITS.policyRenewMs);
    clock.advance(LIMITS.policyRetryMs);
    store.down = null;
    await get();
    await settle();
    expect(layers.ages(60_000)).toEqual({ cell: 0, tenant: 0 });
  });
});

describe("what an isolate remembers", () => {
  it("is bounded, and keeps what was used last", () => {
    const recent = new Recent<string, number>(2);
    recent.set("a", 1);
    recent.set("b", 2);
    expect(recent.get("a")).toBe(1);
    recent.set("c", 3);
    expect([recent.get("a"), recent.get("b"), recent.get("c")]).toEqual([1, undefined, 3]);
  });
});

describe("a canary", () => {
  const subjects = Array.from({ length: 2_000 }, (_, at) => `user-${at}`);

  it("takes about its share of the actors, and a larger one keeps whoever was in a smaller one", () => {
    const taken = (percent: number) => subjects.filter((subject) => inCanary("acme", subject, percent));
    expect(taken(10).length).toBeGreaterThan(140);
    expect(taken(10).length).toBeLessThan(260);
    expect(taken(50)).toEqual(expect.arrayContaining(taken(10)));
    expect(taken(99).length).toBeLessThan(subjects.length);
  });

  it("takes other actors in another tenant, so that nobody is always first", () => {
    const of = (tenant: string) => subjects.filter((subject) => inCanary(tenant, subject, 50)).join();
    expect(of("acme")).not.toBe(of("other"));
    expect(of("acme")).toBe(of("acme"));
  });
});
