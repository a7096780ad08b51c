import { PoolEntry, type PoolsFile } from "../../shared/contracts/config/pools.ts";
import type { ProvidersFile } from "../../shared/contracts/config/providers.ts";
import type { PoolConfig } from "../../shared/contracts/config/snapshot.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";

/** Every pool that is described or that a provider sends work to; one without issuers has workers beside the cell only. */
export function compilePools(file: PoolsFile, providers: ProvidersFile | null): Record<string, PoolConfig> {
  const compiled: Record<string, PoolConfig> = Object.create(null);
  for (const [name, entry] of Object.entries(file.pools)) compiled[name] = poolOf(name, entry);
  for (const [provider, { kind, pool = provider }] of Object.entries(providers?.providers ?? {}))
    if (kind === "pool") compiled[pool] ??= poolOf(pool, PoolEntry.parse({}));
  return compiled;
}

function poolOf(name: string, { max_wait_ms, ...entry }: PoolEntry): PoolConfig {
  const cold = entry.scale_from_zero ? entry.cold_start_ms : 0;
  return { name, ...entry, max_wait_ms: max_wait_ms ?? Math.max(LIMITS.poolWaitMsDefault, cold) };
}
