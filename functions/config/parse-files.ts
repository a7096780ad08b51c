import type { z } from "zod";
import { IntentsFile } from "../../shared/contracts/config/intents.ts";
import { ModelsFile } from "../../shared/contracts/config/models.ts";
import { ModulesFile } from "../../shared/contracts/config/modules.ts";
import { PoliciesFile } from "../../shared/contracts/config/policies.ts";
import { PoolsFile } from "../../shared/contracts/config/pools.ts";
import { CONFIG_FILES, type ConfigFile, isConfigFile } from "../../shared/contracts/config/problem.ts";
import { ProvidersFile } from "../../shared/contracts/config/providers.ts";
import { TenantsFile } from "../../shared/contracts/config/tenants.ts";
import type { JsonObject, JsonValue } from "../../shared/contracts/json.ts";
import type { Findings } from "./findings.ts";
import { scanValues } from "./scan-values.ts";

/** Each file as its schema read it; null when it has mistakes, so that checks across files leave it out. */
export interface ParsedFiles {
  providers: ProvidersFile | null;
  pools: PoolsFile | null;
  models: ModelsFile | null;
  intents: IntentsFile | null;
  policies: PoliciesFile | null;
  modules: ModulesFile | null;
  tenants: TenantsFile | null;
}

export function parseFiles(files: JsonObject, findings: Findings): ParsedFiles {
  for (const name of Object.keys(files))
    if (!isConfigFile(name)) findings.warn(name, [], "is not a configuration file; ignored");
  for (const name of CONFIG_FILES) scanValues(name, own(files, name), findings);
  return {
    providers: read("providers.yml", ProvidersFile),
    pools: read("pools.yml", PoolsFile),
    models: read("models.yml", ModelsFile),
    intents: read("intents.yml", IntentsFile),
    policies: read("policies.yml", PoliciesFile),
    modules: read("modules.yml", ModulesFile),
    tenants: read("tenants.yml", TenantsFile, Object.hasOwn(files, "tenants.yml") ? {} : ONE_TENANT),
  };

  function read<T>(name: ConfigFile, schema: z.ZodType<T>, absent: JsonObject = {}): T | null {
    const parsed = schema.safeParse(own(files, name) ?? absent);
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) reportIssue(name, issue, [], findings);
    return null;
  }
}

/** A cell without `tenants.yml` has one tenant, with the defaults. */
const ONE_TENANT: JsonObject = { tenants: { default: {} } };

const own = (files: JsonObject, name: string): JsonValue => (Object.hasOwn(files, name) ? (files[name] ?? null) : null);

type Issue = z.core.$ZodIssue;

function reportIssue(file: string, issue: Issue, base: readonly PropertyKey[], findings: Findings): void {
  const path = [...base, ...issue.path];
  if (issue.code === "invalid_union") {
    const branch = closest(issue.errors);
    if (branch) for (const inner of branch) reportIssue(file, inner, path, findings);
    else findings.problem(file, path, issue.message);
  } else if (issue.code === "invalid_key") {
    for (const inner of issue.issues) findings.problem(file, path, `this name is not accepted: ${inner.message}`);
  } else if (issue.code === "unrecognized_keys") {
    for (const key of issue.keys) findings.problem(file, [...path, key], "is not known here");
  } else findings.problem(file, path, issue.message);
}

/** The branch of a union that was meant: the one whose type matched, so that its inner mistakes are named. */
function closest(branches: readonly Issue[][]): Issue[] | undefined {
  const typed = branches.filter((branch) => !branch.some((issue) => issue.path.length === 0 && MISSED.has(issue.code)));
  return typed.length === 1 ? typed[0] : undefined;
}
const MISSED = new Set<string>(["invalid_type", "invalid_value"]);
