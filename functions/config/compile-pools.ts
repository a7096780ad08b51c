import { PoolEntry, type PoolsFile } from "../../shared/contracts/config/pools.ts";
import type { ProvidersFile } from "../../shared/contracts/config/providers.ts";
import type { PoolConfig } from "../../shared/contracts/config/snapshot.ts";

/** Every pool that is described or that a provider sends work to; one without issuers has workers beside the cell only. */
export function compilePools(file: PoolsFile, providers: ProvidersFile | null): Record<string, PoolConfig> {
  const compiled: Record<string, PoolConfig> = Object.create(null);
  for (const [name, entry] of Object.entries(file.pools)) compiled[name] = { name, ...entry };
  for (const [provider, { kind, pool = provider }] of Object.entries(providers?.providers ?? {}))
    if (kind === "pool") compiled[pool] ??= { name: pool, ...PoolEntry.parse({}) };
  return compiled;
}
