import type { IssuerConfig, Snapshot, TenantConfig } from "../../shared/contracts/config/snapshot.ts";
import { CellId, KeyId, TenantId, type UnixMs } from "../../shared/contracts/ids.ts";
import type { KeyRecord, TenantState, TenantStore } from "../../shared/contracts/ports/tenant-store.ts";
import { err, ok } from "../../shared/contracts/result.ts";
import { mintApiKey } from "../../shared/crypto/api-key.ts";

export const MAC_KEY = new Uint8Array(32).fill(7);
export const NOW = 1_795_000_000_000 as UnixMs; // safe because: a fixed moment of November 2026

export const issuerConfig = (members: Partial<IssuerConfig> & { issuer: string }): IssuerConfig => ({
  audiences: ["https://cell.example.com"],
  claims: { workspace: null, roles: "roles", scopes: "scope" },
  defaults: { workspace: "default", project: "default", environment: "default", roles: [] },
  role_map: { dev: "developer", boss: "admin" },
  lifetime_s_max: 900,
  algorithms: ["RS256", "PS256", "ES256", "EdDSA"],
  kind: "user",
  jwks_uri: null,
  network: "tenant",
  ...members,
});

export const tenantConfig = (id: string, issuers: IssuerConfig[]): TenantConfig => ({
  id,
  name: id,
  privacy: "allow-api",
  content: "none",
  transit: "refused",
  aliases: {},
  issuers,
  rates: {},
  providers_allow: null,
});

/** A configuration source whose snapshot has these tenants and nothing that authentication does not read. */
export function configOf(...tenants: TenantConfig[]): { current(): Snapshot } {
  const snapshot = { tenants: Object.fromEntries(tenants.map((tenant) => [tenant.id, tenant])) };
  // safe because: authentication reads `tenants` alone.
  return { current: () => snapshot as unknown as Snapshot };
}

export const tenantState = (id: string, versions = { state: 1, policy: 1 }): TenantState => ({
  id: TenantId.parse(id),
  settings: { name: id, privacy: "allow-api", content: "none", transit: "refused" },
  suspended: false,
  locked: false,
  created_ms: NOW,
  versions,
  data_key: "",
});

let minted = 0;
/** A key with its text, as a tenant's object would hold it. */
export function keyOf(tenant: string, members: Partial<KeyRecord> = {}, macKey = MAC_KEY) {
  const kid = KeyId.parse(String(++minted).padStart(12, "0"));
  const names = { cell: CellId.parse("local"), tenant: TenantId.parse(tenant), kid };
  const { text, digest } = mintApiKey(names, crypto.getRandomValues(new Uint8Array(32)), macKey);
  const record: KeyRecord = {
    kid,
    digest,
    name: "test",
    workspace: "default",
    project: "default",
    environment: "default",
    subject: "service-1",
    kind: "service",
    roles: ["developer"],
    granted: ["*"],
    cell_operator: false,
    created_ms: NOW,
    expires_ms: null,
    revoked_ms: null,
    rotated_to: null,
    version: 1,
    created_by: "user:maker",
    created_with: "key:maker",
    made_by: [],
    ...members,
  };
  return { text, record };
}

/** `lookup` over records that the test may change, counting what reached it. */
export function tenantsWith(states: TenantState[], keys: { record: KeyRecord }[], owners: Map<string, string>) {
  const seen: string[] = [];
  const store: Pick<TenantStore, "lookup"> & { seen: string[] } = {
    seen,
    async lookup(tenant, kid) {
      seen.push(`${tenant}/${kid ?? ""}`);
      const state = states.find(({ id }) => id === tenant);
      if (state === undefined) return err({ reason: "unknown_tenant" });
      const key = keys.find(({ record }) => record.kid === kid && owners.get(record.kid) === tenant)?.record ?? null;
      return ok(structuredClone({ state, key }));
    },
  };
  return store;
}
