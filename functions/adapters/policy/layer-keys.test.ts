import { describe, expect, it } from "vitest";
import { TenantId } from "../../../shared/contracts/ids.ts";
import { snapshotOf } from "../../../test/support/policy-world.ts";
import { bundlesOf, type KeyOf, layerKeys } from "./layer-keys.ts";

const key = (id: string, secret: string) => `{ id: ${id}, algorithm: HS256, secret: 'env:${secret}' }`;
const SNAPSHOT = snapshotOf({
  "policies.yml": `bundles: { keys: [${key("c", "CELL")}] }`,
  "tenants.yml": `tenants: { acme: { bundle_keys: [${key("a", "ACME")}, ${key("b", "MORE")}] }, bare: {} }`,
});
const [ACME, BARE, UNKNOWN] = ["acme", "bare", "nobody"].map((id) => TenantId.parse(id));
if (!ACME || !BARE || !UNKNOWN) throw new Error("no tenants");
const NONE = { id: "none", keys: [] };

/** Keys as texts, and how often a secret was read. */
function reading(secrets: Record<string, string>, keyOf: KeyOf<string> = ({ id }, secret) => `${id}=${secret}`) {
  const read: string[] = [];
  const keysOf = layerKeys(keyOf, (ref) => {
    const { name } = ref;
    read.push(name);
    return secrets[name] ?? null;
  });
  return { keysOf, read };
}
const ALL = { CELL: "1", ACME: "2", MORE: "3" };

describe("the keys of a layer", () => {
  it("are the cell's for the cell and each tenant's for the tenant, so that neither signs for the other", () => {
    const { keysOf } = reading(ALL);
    expect(keysOf(SNAPSHOT, null).keys).toEqual(["c=1"]);
    expect(keysOf(SNAPSHOT, ACME).keys).toEqual(["a=2", "b=3"]);
    expect([BARE, UNKNOWN].map((tenant) => keysOf(SNAPSHOT, tenant))).toEqual([NONE, NONE]);
    expect(bundlesOf(SNAPSHOT, UNKNOWN)).toEqual({ keys: [], pull: null });
  });

  it("leave out one whose secret is not there, or that is no key, and never trust it empty", () => {
    expect(reading({ CELL: "1", MORE: "3" }).keysOf(SNAPSHOT, ACME).keys).toEqual(["b=3"]);
    const unusable = reading(ALL, ({ id }) => (id === "a" ? null : id));
    expect(unusable.keysOf(SNAPSHOT, ACME).keys).toEqual(["b"]);
  });

  it("need no secret where they are public", () => {
    const signing = "{ id: p, algorithm: ES256, public_key: { kty: EC } }";
    const snapshot = snapshotOf({ "tenants.yml": `tenants: { acme: { bundle_keys: [${signing}] } }` });
    const { keysOf, read } = reading(
      {},
      ({ public_key }, secret) => `${typeof public_key === "object" ? public_key?.kty : null}=${secret}`,
    );
    expect([keysOf(snapshot, ACME).keys, read]).toEqual([["EC=null"], []]);
  });

  it("are read once a snapshot, and named by what they are, so that a rotated secret is another set of keys", () => {
    const { keysOf, read } = reading(ALL);
    const first = keysOf(SNAPSHOT, ACME);
    expect(keysOf(SNAPSHOT, ACME)).toBe(first);
    expect(read).toEqual(["ACME", "MORE"]);
    const again = reading(ALL).keysOf(SNAPSHOT, ACME);
    const rotated = reading({ ...ALL, MORE: "4" }).keysOf(SNAPSHOT, ACME);
    expect([again.id === first.id, rotated.id === first.id]).toEqual([true, false]);
  });
});
