import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cellClass } from "../../../durable/cell/core.ts";
import { embeddedCellPolicies, embeddedCellStore } from "../../../durable/cell/embedded.ts";
import type { EmbeddedHost } from "../../../durable/runtime/embedded-host.ts";
import { policyStore } from "../../../durable/runtime/policy-layers.ts";
import { embeddedTenantPolicies, embeddedTenantStore } from "../../../durable/tenant/embedded.ts";
import { tenantObjectClass } from "../../../durable/tenant/object-class.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { EgressRefused } from "../../../shared/contracts/ports/egress.ts";
import type { PolicyStore } from "../../../shared/contracts/ports/policy-store.ts";
import type { TenantStore } from "../../../shared/contracts/ports/tenant-store.ts";
import { statementSigner } from "../../../shared/crypto/policy-statement.ts";
import { createTelemetry } from "../../../shared/telemetry/create-telemetry.ts";
import { STATEMENT_KEY } from "../../../test/support/layer-store.ts";
import { MemoryObjectStore } from "../../../test/support/memory-object-store.ts";
import { type ObjectsHome, objectsHome } from "../../../test/support/objects-home.ts";
import { PROBE, snapshotOf, TENANT } from "../../../test/support/policy-world.ts";
import { BUNDLE_SECRET, OTHER_SECRET, probeBundle } from "../../../test/support/probe-bundle.ts";
import { access, attribution, provisionSpec } from "../../../test/support/tenant-fixtures.ts";
import { randomIds } from "../ids/random.ts";
import { BundlePull } from "./pull-bundles.ts";
import { policyTools } from "./tools.ts";

const KEYS = "[{ id: k, algorithm: HS256, secret: 'env:BUNDLE_SECRET' }]";
const pulling = (members: { cell?: string; acme?: string }) =>
  snapshotOf({
    "policies.yml": `bundles: { keys: ${KEYS}, ${members.cell ? `pull: { url: '${members.cell}', interval_s: 60 }` : ""} }`,
    "tenants.yml": `tenants: { acme: { bundle_keys: ${KEYS}, ${members.acme ? `bundle_pull: { url: '${members.acme}' }` : ""} } }`,
  });
const CELL_URL = "https://operators.example.com/cell.tar.gz";
const TENANT_URL = "https://acme.example.com/own.tar.gz";
const OBJECT = "object:policies/acme/own.tar.gz";
const tenantClass = tenantObjectClass(null);

let home: ObjectsHome;
let host: EmbeddedHost;
let store: PolicyStore;
let tenants: TenantStore;
let pull: BundlePull;
let snapshot = pulling({});
let metrics: () => string;
let logged: string[];
let objects: MemoryObjectStore;
/** What lies at a URL; a source that is not here does not answer. */
const served = new Map<string, { archive: Uint8Array; etag: string | null; status?: number }>();
let asked: { by: "tenant" | "operator"; url: string; etag: string | null }[];

beforeEach(async () => {
  home = objectsHome({ classes: [tenantClass, cellClass] });
  host = home.open();
  const { clock } = home;
  const sign = statementSigner("local", STATEMENT_KEY);
  const origin = { cell: "local", region: "local", release: "test" };
  tenants = embeddedTenantStore(host, tenantClass);
  store = policyStore({
    cell: embeddedCellPolicies(host, origin, sign),
    tenant: embeddedTenantPolicies(host, tenantClass, sign),
  });
  await tenants.provision(TENANT, provisionSpec());
  await embeddedCellStore(host, origin).activate("d", {});
  logged = [];
  objects = new MemoryObjectStore(() => clock.now());
  asked = [];
  served.clear();
  const telemetry = createTelemetry({
    service: "test",
    cell: "local",
    sink: (line) => void logged.push(line),
    exporter: null,
    clock,
    ids: randomIds(clock),
    sample: { ratio: 0, followParent: false },
  });
  metrics = () => telemetry.exposition();
  const config = { current: () => snapshot };
  const answer = (by: "tenant" | "operator", url: string, etag: string | null) => {
    asked.push({ by, url, etag });
    const found = served.get(url);
    if (!found) throw new EgressRefused("nobody answers there");
    const headers = new Headers(found.etag === null ? {} : { etag: found.etag });
    if (etag !== null && etag === found.etag) return { status: 304, headers, body: new Uint8Array() };
    return { status: found.status ?? 200, headers, body: found.archive };
  };
  pull = new BundlePull({
    store,
    tools: policyTools({
      ...{ store, clock, config, builtin: PROBE },
      readSecret: () => BUNDLE_SECRET,
      pause: async () => {},
    }),
    tenants,
    egress: {
      tenantGet: async (url, { if_none_match }) => answer("tenant", url, if_none_match ?? null),
      operatorFetch: async (url, init) => {
        const { status, headers, body } = answer("operator", url, new Headers(init.headers).get("if-none-match"));
        return new Response([301, 302, 304].includes(status) ? null : (body as BodyInit), { status, headers }); // safe because: bytes are a body
      },
    },
    ...{ objects, config, clock, telemetry },
    by: (digest) => attribution({ subject: "cell:local", snapshot: digest, credential: "pull" }),
  });
});
afterEach(async () => {
  await host.close();
  home.remove();
});

const inForce = async (layer: "cell" | "tenant") => {
  const state = await store.state(layer === "cell" ? { layer } : { layer, tenant: TENANT });
  return state.ok ? (state.value.active?.revision ?? null) : state.error.reason;
};
const serve = async (url: string, revision: number, spec: object = {}) =>
  served.set(url, {
    archive: await probeBundle({ tenant: url === CELL_URL ? null : "acme", revision, ...spec }),
    etag: `"r${revision}"`,
  });
const later = (ms: number) => home.clock.advance(ms);

describe("a bundle that lies at a configured source", () => {
  it("is put in force for the cell and for a tenant, ledgered under the cell's name", async () => {
    snapshot = pulling({ cell: CELL_URL, acme: TENANT_URL });
    await serve(CELL_URL, 3);
    await serve(TENANT_URL, 8);
    expect(pull.due).toBe(true);
    await pull.run();
    expect([await inForce("cell"), await inForce("tenant")]).toEqual([3, 8]);
    const ledger = await tenants.ledger(TENANT, access({ versions: { credential: 1, state: 1, policy: 2 } }), {
      from: 0,
      limit: 50,
    });
    const entries = ledger.ok ? ledger.value.entries : [];
    expect(entries.map(({ kind, subject }) => [kind, subject]).slice(-2)).toEqual([
      ["policy.bundle_stored", "cell:local"],
      ["policy.activated", "cell:local"],
    ]);
    expect(metrics()).toContain('bailiwick_policy_pulls_total{layer="tenant",outcome="activated"} 1');
  });

  it("is taken from the cell's own store too, once for each version that lies there", async () => {
    snapshot = pulling({ acme: OBJECT });
    const put = async (revision: number) =>
      objects.put("policies/acme/own.tar.gz", await probeBundle({ tenant: "acme", revision }));
    await pull.run();
    expect([await inForce("tenant"), logged.join()]).toEqual([
      null,
      expect.stringContaining("the object is not there"),
    ]);
    await put(1);
    for (const revision of [1, 2]) {
      await put(revision);
      for (let run = 0; run < 2; run++) {
        later(300_000);
        await pull.run();
        expect(await inForce("tenant")).toBe(revision);
      }
    }
    expect(metrics()).toContain('bailiwick_policy_pulls_total{layer="tenant",outcome="unchanged"} 2');
    expect(asked).toEqual([]);
  });

  it("is asked for by the tenant's class of calls where a tenant named it, so that it reaches no private address", async () => {
    snapshot = pulling({ cell: CELL_URL, acme: TENANT_URL });
    await pull.run();
    expect(asked.map(({ by, url }) => [by, url])).toEqual([
      ["operator", CELL_URL],
      ["tenant", TENANT_URL],
    ]);
  });

  it("is asked for at its interval, and fetched again only when it changed", async () => {
    snapshot = pulling({ cell: CELL_URL });
    await serve(CELL_URL, 1);
    await pull.run();
    expect(pull.due).toBe(false);
    await pull.run();
    expect(asked).toHaveLength(1);
    later(60_000);
    expect(pull.due).toBe(true);
    await pull.run();
    expect(asked.at(-1)?.etag).toBe('"r1"');
    await serve(CELL_URL, 2);
    later(60_000);
    await pull.run();
    expect(await inForce("cell")).toBe(2);
    expect(metrics()).toContain('bailiwick_policy_pulls_total{layer="cell",outcome="unchanged"} 1');
  });

  it("that was taken back stays back until the source offers a newer one", async () => {
    snapshot = pulling({ cell: CELL_URL });
    for (const revision of [1, 2]) {
      await serve(CELL_URL, revision);
      await pull.run();
      later(60_000);
    }
    const change = { access: access(), by: attribution({ subject: "user:officer" }) };
    const target = { revision: 1, canary_percent: null, rollback: true, expected_version: null };
    expect((await store.activate({ layer: "cell" }, change, target)).ok).toBe(true);
    served.set(CELL_URL, { archive: served.get(CELL_URL)?.archive ?? new Uint8Array(), etag: '"again"' });
    await pull.run();
    expect(await inForce("cell")).toBe(1);
    later(60_000);
    await serve(CELL_URL, 3);
    await pull.run();
    expect(await inForce("cell")).toBe(3);
  });

  it("is finished by the next run when the one before kept it and could not activate it", async () => {
    snapshot = pulling({ cell: CELL_URL });
    const { activate } = store;
    store.activate = () => Promise.reject(new Error("cut off"));
    await serve(CELL_URL, 1);
    await pull.run();
    expect(await inForce("cell")).toBeNull();
    store.activate = activate;
    later(60_000);
    await pull.run();
    expect(await inForce("cell")).toBe(1);
  });
});

describe("a source that fails changes nothing, and says so:", () => {
  const spoil: [string, () => Promise<unknown> | unknown][] = [
    ["it does not answer", () => served.delete(CELL_URL)],
    ["it answers an error", () => served.set(CELL_URL, { archive: new Uint8Array(), etag: null, status: 500 })],
    ["it redirects", () => served.set(CELL_URL, { archive: new Uint8Array(), etag: null, status: 302 })],
    ["another key signed it", () => serve(CELL_URL, 2, { secret: OTHER_SECRET })],
    ["nobody signed it", () => serve(CELL_URL, 2, { unsigned: true })],
    ["it is a tenant's", () => serve(CELL_URL, 2, { tenant: "acme" })],
    [
      "its revision is no newer",
      async () => {
        const archive = await probeBundle({ tenant: null, revision: 1, name: "other" });
        served.set(CELL_URL, { archive, etag: '"other"' });
      },
    ],
    ["it is no archive", () => served.set(CELL_URL, { archive: new Uint8Array(64), etag: null })],
    [
      "it is larger than a bundle may be",
      () => served.set(CELL_URL, { archive: new Uint8Array(LIMITS.policyBundleBytesMax + 1), etag: null }),
    ],
  ];
  it.each(spoil)("%s", async (_, spoiled) => {
    snapshot = pulling({ cell: CELL_URL });
    await serve(CELL_URL, 1);
    await pull.run();
    const before = await store.state({ layer: "cell" });
    await spoiled();
    later(60_000);
    await pull.run();
    const after = await store.state({ layer: "cell" });
    if (!before.ok || !after.ok) throw new Error("the layer is there");
    expect([after.value.active, after.value.version]).toEqual([before.value.active, before.value.version]);
    expect(metrics()).toContain('bailiwick_policy_pulls_total{layer="cell",outcome="failed"} 1');
    expect(logged.join()).toContain("policy.pull");
  });

  it("it says that nothing changed to somebody who has nothing", async () => {
    snapshot = pulling({ cell: CELL_URL });
    served.set(CELL_URL, { archive: new Uint8Array(), etag: null, status: 304 });
    await pull.run();
    expect(metrics()).toContain('bailiwick_policy_pulls_total{layer="cell",outcome="failed"} 1');
  });

  it("one layer's failure is not another's", async () => {
    snapshot = pulling({ cell: CELL_URL, acme: TENANT_URL });
    await serve(TENANT_URL, 1);
    await pull.run();
    expect([await inForce("cell"), await inForce("tenant")]).toEqual([null, 1]);
  });
});
