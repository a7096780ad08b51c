import type { Snapshot } from "../../shared/contracts/config/snapshot.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { ProviderCredential } from "../../shared/contracts/ports/tenant-store.ts";
import { decodeBase64url } from "../../shared/crypto/base64url.ts";
import { open } from "../../shared/crypto/open.ts";
import type { Call, Deps } from "../context.ts";
import { StaleAccess } from "../problem.ts";

type Listed = Omit<ProviderCredential, "sealed">;

/** Which providers each tenant brought a key for: names only, for a minute; the key itself is read for every call. */
export class TenantCredentials {
  readonly #known = new Map<string, { at: number; state: number; byProvider: ReadonlyMap<string, Listed> }>();

  /** Empty, and without a durable call, when no provider of the snapshot takes tenants' keys. */
  async providers(
    deps: Pick<Deps, "tenants" | "clock">,
    call: Pick<Call, "snapshot" | "tenant" | "access">,
  ): Promise<ReadonlyMap<string, Listed>> {
    if (!takesCredentials(call.snapshot)) return NONE;
    const { id, versions } = call.tenant;
    const now = deps.clock.now();
    const known = this.#known.get(id);
    if (known && known.state === versions.state && now - known.at < LIMITS.dataKeyCacheMsMax) return known.byProvider;
    const listed = await deps.tenants.listCredentials(id, call.access);
    if (!listed.ok) throw new StaleAccess(listed.error.reason);
    // Of several keys for one provider the newest is used.
    const byProvider = new Map(
      listed.value.toSorted((a, b) => a.created_ms - b.created_ms).map((row) => [row.provider, row]),
    );
    if (this.#known.size >= LIMITS.credentialCacheMax) this.#known.clear();
    this.#known.set(id, { at: now, state: versions.state, byProvider });
    return byProvider;
  }

  /** What `providers` last found for a tenant. */
  known(tenant: string, provider: string): Listed | null {
    return this.#known.get(tenant)?.byProvider.get(provider) ?? null;
  }

  forget(tenant: string): void {
    this.#known.delete(tenant);
  }
}
const NONE: ReadonlyMap<string, Listed> = new Map();

const takes = new WeakMap<Snapshot, boolean>();
/** Whether any provider of the snapshot takes tenants' keys. */
function takesCredentials(snapshot: Snapshot): boolean {
  let some = takes.get(snapshot);
  if (some === undefined) {
    some = Object.values(snapshot.providers).some((provider) => provider.tenant_credentials);
    takes.set(snapshot, some);
  }
  return some;
}

/** Opens a tenant's key for one engine call: one durable call, nothing kept. */
export const openCredential =
  (deps: Pick<Deps, "tenants">, call: Pick<Call, "tenant" | "access">, listed: Listed, dataKey: Uint8Array) =>
  async (): Promise<string> => {
    const found = await deps.tenants.credential(call.tenant.id, call.access, listed.ref);
    if (!found.ok) throw new Error(`credential ${listed.ref} is gone: ${found.error.reason}`);
    const sealed = decodeBase64url(found.value.sealed);
    const opened = sealed && (await open(dataKey, { tenant: call.tenant.id, object: listed.ref }, sealed));
    if (!opened?.ok) throw new Error(`credential ${listed.ref} does not open`);
    return new TextDecoder().decode(opened.value);
  };
