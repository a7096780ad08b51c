import type { IssuerConfig, Snapshot } from "../../../shared/contracts/config/snapshot.ts";

/** One (tenant, iss, aud): a token of this issuer for this audience is this tenant's, and no other's. */
export interface Registration {
  tenant: string;
  config: IssuerConfig;
}

/** Registrations by issuer, then by audience. */
export type IssuerIndex = ReadonlyMap<string, ReadonlyMap<string, Registration>>;

const built = new WeakMap<Snapshot, IssuerIndex>();

/**
 * The registrations of a snapshot, indexed once per snapshot. A pair that two tenants claim is a configuration error
 * and belongs to neither: guessing would hand one tenant's callers to the other.
 */
export function issuerIndex(snapshot: Snapshot): IssuerIndex {
  const existing = built.get(snapshot);
  if (existing !== undefined) return existing;
  const index = new Map<string, Map<string, Registration>>();
  const contested: [string, string][] = [];
  for (const { id: tenant, issuers } of Object.values(snapshot.tenants))
    for (const config of issuers)
      for (const audience of config.audiences) {
        const audiences = index.get(config.issuer) ?? new Map<string, Registration>();
        index.set(config.issuer, audiences);
        const owner = audiences.get(audience);
        if (owner !== undefined && owner.tenant !== tenant) contested.push([config.issuer, audience]);
        audiences.set(audience, { tenant, config });
      }
  for (const [issuer, audience] of contested) index.get(issuer)?.delete(audience);
  built.set(snapshot, index);
  return index;
}

/** The registrations that a token's `iss` and `aud` name exactly; several only when it carries several audiences. */
export function registrationsOf(index: IssuerIndex, issuer: unknown, audience: unknown): Registration[] {
  const audiences = typeof issuer === "string" ? index.get(issuer) : undefined;
  if (audiences === undefined) return [];
  const named: unknown[] = Array.isArray(audience) ? audience : [audience];
  const found = new Map<string, Registration>();
  for (const name of named) {
    const registration = typeof name === "string" ? audiences.get(name) : undefined;
    if (registration !== undefined) found.set(registration.tenant, registration);
  }
  return [...found.values()];
}
