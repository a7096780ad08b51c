import { PROVIDER_DEFAULTS } from "../../shared/contracts/config/defaults.ts";
import { PoolName } from "../../shared/contracts/config/fields.ts";
import type { ProviderEntry, ProvidersFile } from "../../shared/contracts/config/providers.ts";
import type { ProviderConfig, SecretRef } from "../../shared/contracts/config/snapshot.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Findings } from "./findings.ts";

const FILE = "providers.yml";
/** Kinds that run inside the cell and are reached without an address. */
const WITHIN: ReadonlySet<ProviderEntry["kind"]> = new Set(["synthetic", "pool"]);
export const localityOf = (entry: ProviderEntry): "local" | "api" =>
  entry.locality ?? (WITHIN.has(entry.kind) ? "local" : "api");

/**
 * Providers that can be called. A local one that lies outside the cell's jurisdiction, or of which nobody said where it
 * lies, is a mistake: what is called local never leaves it. One whose base URL is not known yet is left out; one without
 * its secret is marked.
 */
export function compileProviders(
  file: ProvidersFile,
  { cell, engines = cell }: { cell: string; engines: string | null | undefined },
  secretsPresent: (ref: SecretRef) => boolean,
  findings: Findings,
): Record<string, ProviderConfig> {
  const compiled: Record<string, ProviderConfig> = Object.create(null);
  const names = Object.keys(file.providers);
  if (names.length > LIMITS.providersMax)
    findings.problem(FILE, ["providers"], `more than ${LIMITS.providersMax} providers`);
  for (const [name, entry] of Object.entries(file.providers)) {
    const path = ["providers", name];
    checkKind(entry, path, findings);
    const quiet = entry.optional;
    if (entry.base_url === null) {
      if (!quiet) findings.warn(FILE, path, "the variable of its base_url is not set; its models cannot be chosen");
      continue;
    }
    const locality = localityOf(entry);
    const missing = entry.secret !== undefined && !secretsPresent(entry.secret);
    if (missing && !quiet && entry.secret)
      findings.warn(
        FILE,
        path,
        `the secret ${entry.secret.source}:${entry.secret.name} is missing; its models cannot be chosen`,
      );
    const jurisdiction = entry.jurisdiction ?? (locality === "local" ? ownPlace(entry, cell, engines) : "unspecified");
    if (jurisdiction === null)
      findings.problem(
        FILE,
        [...path, "jurisdiction"],
        `is missing: a local provider of a cell of ${cell} says where it lies, unless BAILIWICK_RESIDENCY does for all (engines=…)`,
      );
    else if (locality === "local" && jurisdiction !== cell)
      findings.problem(
        FILE,
        [...path, "jurisdiction"],
        `it is local but lies in ${jurisdiction}, not in this cell's ${cell}`,
      );
    if (jurisdiction === null) continue;
    compiled[name] = {
      name,
      kind: entry.kind,
      base_url: entry.base_url ?? null,
      secret: entry.secret ?? null,
      secret_missing: missing,
      tenant_credentials: entry.tenant_credentials,
      locality,
      jurisdiction,
      dialects: entry.dialects ?? null,
      api_version: entry.api_version ?? null,
      connect_timeout_ms: entry.connect_timeout_ms,
      try_timeout_ms: entry.try_timeout_ms,
      idle_timeout_ms: entry.idle_timeout_ms,
      breaker: entry.breaker,
      ...(entry.kind === "pool" ? { pool: entry.pool ?? name, stand_in: entry.stand_in } : {}),
      synthetic: entry.kind === "synthetic" ? (entry.synthetic ?? { ...PROVIDER_DEFAULTS.synthetic }) : null,
    };
  }
  return compiled;
}

/** The synthetic engine runs in the cell's own process; others lie where somebody says that they do. */
const ownPlace = (entry: ProviderEntry, cell: string, engines: string | null): string | null =>
  entry.kind === "synthetic" ? cell : engines;

function checkKind(entry: ProviderEntry, path: string[], findings: Findings): void {
  const refuse = (member: string, message: string) => findings.problem(FILE, [...path, member], message);
  if (entry.kind !== "synthetic" && entry.synthetic !== undefined) refuse("synthetic", "only for kind synthetic");
  if (entry.kind !== "pool" && entry.pool !== undefined) refuse("pool", "only for kind pool");
  if (entry.kind !== "pool" && entry.stand_in) refuse("stand_in", "only for kind pool");
  if (entry.kind === "synthetic") {
    for (const member of ["base_url", "secret", "api_version", "dialects"] as const)
      if (entry[member] !== undefined) refuse(member, "the synthetic engine takes none");
    if (entry.locality === "api") refuse("locality", "the synthetic engine runs inside the cell: local");
    return;
  }
  if (entry.kind === "pool") {
    for (const member of ["base_url", "secret", "api_version"] as const)
      if (entry[member] !== undefined) refuse(member, "a pool takes none: its workers connect to the cell");
    // Without one of its own it has the provider's name.
    if (!PoolName.safeParse(entry.pool ?? path.at(-1)).success)
      refuse("pool", "is missing: the name is none of a pool");
    if (entry.tenant_credentials) refuse("tenant_credentials", "a pool has no credentials");
    if (entry.locality === "api") refuse("locality", "a pool lies inside the cell: local");
    return;
  }
  if (entry.base_url === undefined)
    refuse("base_url", "is missing: where the provider answers, such as https://api.example.com/v1");
  if (entry.kind === "azure-openai" && entry.api_version === undefined)
    refuse("api_version", "is missing: azure-openai needs one");
  if (entry.kind === "oip" && entry.dialects !== undefined) refuse("dialects", "kind oip speaks oip.infer alone");
  if (entry.kind !== "azure-openai" && entry.kind !== "anthropic" && entry.api_version !== undefined)
    refuse("api_version", "only for azure-openai and anthropic");
  if (localityOf(entry) === "api" && entry.base_url?.startsWith("http:"))
    refuse("base_url", "https only: plain http is for providers with `locality: local`");
}
