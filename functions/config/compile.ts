import type { ConfigProblem } from "../../shared/contracts/config/problem.ts";
import type { SecretRef, Snapshot } from "../../shared/contracts/config/snapshot.ts";
import type { JsonObject } from "../../shared/contracts/json.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import { canonicalJson } from "../../shared/crypto/canonical-json.ts";
import { sha256Hex } from "../../shared/crypto/sha256.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { compileAliases } from "./compile-aliases.ts";
import { compileCandidates } from "./compile-candidates.ts";
import { compileIntents } from "./compile-intents.ts";
import { compilePolicies, compileRates } from "./compile-policies.ts";
import { compilePools } from "./compile-pools.ts";
import { compileProviders } from "./compile-providers.ts";
import { compileTenants } from "./compile-tenants.ts";
import { declareCandidates } from "./declare-candidates.ts";
import { Findings } from "./findings.ts";
import { parseFiles } from "./parse-files.ts";

/** The cell that a configuration is for. */
export interface ConfiguredCell {
  id: string;
  jurisdiction: string;
  /** Where engines of `locality: local` lie that do not say it themselves; null: nobody said. Absent: where the cell is. */
  engines?: string | null;
}

/**
 * Validates all files as one whole and makes the immutable snapshot, or names every mistake with its file and path.
 * A provider that is not configured or lacks its secret is a warning, and its candidates can never be chosen.
 * Absent files mean their defaults. The same files in any member order give the same digest.
 */
export function compileSnapshot(
  files: JsonObject,
  { engines, ...cell }: ConfiguredCell,
  secretsPresent: (ref: SecretRef) => boolean,
): Result<Snapshot, ConfigProblem[]> {
  const findings = new Findings();
  const parsed = parseFiles(files, findings);
  const { models, intents } = parsed;
  const providers =
    parsed.providers &&
    compileProviders(parsed.providers, { cell: cell.jurisdiction, engines }, secretsPresent, findings);
  const pools = parsed.pools && compilePools(parsed.pools, parsed.providers);
  const candidates = models && compileCandidates(declareCandidates(models, findings), parsed.providers, findings);
  const aliases = models && candidates && compileAliases(models, { candidates, intents }, findings);
  const compiledIntents = intents && compileIntents(intents, candidates, findings);
  const policies = parsed.policies && compilePolicies(parsed.policies, intents, secretsPresent, findings);
  const tenants = parsed.tenants && compileTenants(parsed.tenants, { candidates, intents }, secretsPresent, findings);
  if (policies && parsed.providers && candidates)
    warnUnknownProviders(
      policies,
      Object.keys(parsed.providers.providers),
      Object.values(candidates).map(({ provider }) => provider),
      findings,
    );
  const text = findings.problems.length === 0 ? canonicalJson(files) : "";
  if (utf8(text).length > LIMITS.configBytesMax)
    findings.problem("", [], `the configuration is larger than ${LIMITS.configBytesMax} bytes`);
  if (findings.problems.length > 0) return err(findings.problems);
  if (
    !providers ||
    !pools ||
    !candidates ||
    !aliases ||
    !compiledIntents ||
    !policies ||
    !tenants ||
    !parsed.policies ||
    !parsed.modules
  )
    throw new Error("a file without problems was not compiled");
  return ok(
    deepFreeze({
      schema_version: 1,
      digest: `sha256:${sha256Hex(text)}`,
      cell: { ...cell },
      providers,
      candidates,
      aliases,
      intents: compiledIntents,
      tenants,
      policies,
      rates: compileRates(parsed.policies),
      pools,
      modules: parsed.modules.modules.map(({ name, ref, runtime }) => ({ name, ref, runtime })),
      warnings: findings.warnings,
    }),
  );
}

/** A name in a deny list that no provider has protects nobody, so a slip of the pen there must not pass unseen. */
function warnUnknownProviders(
  policies: Snapshot["policies"],
  configured: string[],
  referenced: string[],
  findings: Findings,
): void {
  const known = new Set([...configured, ...referenced]);
  for (const name of [...policies.providers_deny, ...(policies.providers_allow ?? [])])
    if (!known.has(name)) findings.warn("policies.yml", ["providers"], `there is no provider ${name}`);
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    for (const member of Object.values(value)) deepFreeze(member);
    Object.freeze(value);
  }
  return value;
}
