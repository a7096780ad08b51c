import type { IntentsFile } from "../../shared/contracts/config/intents.ts";
import type {
  Alias,
  BudgetSeed,
  Candidate,
  IssuerConfig,
  SecretRef,
  TenantConfig,
} from "../../shared/contracts/config/snapshot.ts";
import type { TenantEntry, TenantsFile } from "../../shared/contracts/config/tenants.ts";
import { compileAlias } from "./compile-aliases.ts";
import { compileBundles } from "./compile-bundles.ts";
import { compileLabels } from "./compile-labels.ts";
import { writtenRates } from "./compile-policies.ts";
import { compileRestriction } from "./compile-rules.ts";
import type { Findings } from "./findings.ts";

const FILE = "tenants.yml";
const DAY_MS = 86_400_000;

/** Tenants of the cell. `candidates` and `intents` are null when their files have mistakes of their own. */
export function compileTenants(
  file: TenantsFile,
  known: { candidates: Record<string, Candidate> | null; intents: IntentsFile | null },
  secretsPresent: (ref: SecretRef) => boolean,
  findings: Findings,
): Record<string, TenantConfig> {
  const tenants: Record<string, TenantConfig> = Object.create(null);
  for (const [id, entry] of Object.entries(file.tenants))
    tenants[id] = compileTenant(id, entry, known, secretsPresent, findings);
  checkIssuers(file, findings);
  return tenants;
}

function compileTenant(
  id: string,
  entry: TenantEntry,
  { candidates, intents }: { candidates: Record<string, Candidate> | null; intents: IntentsFile | null },
  secretsPresent: (ref: SecretRef) => boolean,
  findings: Findings,
): TenantConfig {
  const path = ["tenants", id];
  const aliases: Record<string, Alias> = Object.create(null);
  if (candidates)
    for (const [name, alias] of Object.entries(entry.aliases))
      aliases[name] = compileAlias(
        { file: FILE, path: [...path, "aliases", name] },
        name,
        alias,
        { candidates, intents },
        findings,
      );
  for (const [at, { workspace }] of entry.budgets.entries())
    if (workspace !== null && !Object.hasOwn(entry.workspaces, workspace))
      findings.problem(
        FILE,
        [...path, "budgets", at, "workspace"],
        `there is no workspace ${workspace} in this tenant`,
      );
  return {
    id,
    name: entry.name ?? id,
    privacy: entry.privacy,
    content: entry.content,
    transit: entry.transit,
    aliases,
    issuers: entry.issuers satisfies IssuerConfig[],
    rates: writtenRates(entry.rates),
    providers_allow: entry.providers_allow,
    retention: {
      conversations_ms: entry.retention.conversations_days * DAY_MS,
      responses_ms: entry.retention.responses_days * DAY_MS,
    },
    approvals: { life_ms: entry.approvals.life_s * 1000, webhook: entry.approvals.webhook },
    budgets: entry.budgets.map(
      ({ workspace, project, environment, period, limit_usd, hard }): BudgetSeed => ({
        workspace,
        project,
        environment,
        period,
        limit_nusd: limit_usd,
        hard,
      }),
    ),
    workspaces: Object.entries(entry.workspaces).map(([workspace, { projects }]) => ({ id: workspace, projects })),
    labels: compileLabels(entry),
    markings_allow: entry.markings_allow,
    restrictions: entry.restrictions.map(compileRestriction),
    bundles: compileBundles(
      { keys: entry.bundle_keys, pull: entry.bundle_pull },
      { file: FILE, path: [...path, "bundle_keys"] },
      secretsPresent,
      findings,
    ),
  };
}

/** A token names its tenant by issuer and audience alone, so no two tenants may share a pair. */
function checkIssuers(file: TenantsFile, findings: Findings): void {
  const owners = new Map<string, string>();
  for (const [tenant, { issuers }] of Object.entries(file.tenants)) {
    for (const [at, { issuer, audiences }] of issuers.entries()) {
      for (const audience of audiences) {
        const pair = JSON.stringify([issuer, audience]);
        const owner = owners.get(pair);
        if (owner !== undefined)
          findings.problem(
            FILE,
            ["tenants", tenant, "issuers", at],
            `this issuer and audience already belong to the tenant ${owner}`,
          );
        owners.set(pair, tenant);
      }
    }
  }
}
