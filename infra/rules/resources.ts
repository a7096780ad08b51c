import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { encodeHex } from "../../shared/crypto/hex.ts";
import { sha256 } from "../../shared/crypto/sha256.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { type HclValue, readHcl } from "./read-hcl.ts";

/** One thing that a plan would make, with what is said of it. */
export interface PlannedResource {
  address: string;
  type: string;
  values: Record<string, unknown>;
}

const Values = z.record(z.string(), z.unknown());
const Resource = z.object({
  address: z.string(),
  mode: z.string(),
  type: z.string(),
  name: z.string(),
  values: Values.default({}),
});
interface Module {
  resources?: z.infer<typeof Resource>[] | undefined;
  child_modules?: Module[] | undefined;
}
const Module: z.ZodType<Module> = z.lazy(() =>
  z.object({ resources: z.array(Resource).optional(), child_modules: z.array(Module).optional() }),
);
interface Written {
  resources?: { type: string; name: string; expressions?: Record<string, unknown> | undefined }[] | undefined;
  module_calls?: Record<string, { module: Written }> | undefined;
}
const Written: z.ZodType<Written> = z.lazy(() =>
  z.object({
    resources: z.array(z.object({ type: z.string(), name: z.string(), expressions: Values.optional() })).optional(),
    module_calls: z.record(z.string(), z.object({ module: Written })).optional(),
  }),
);
const Planned = z.object({
  planned_values: z.object({ root_module: Module }),
  configuration: z.object({ root_module: Written }),
});
const Applied = z.object({ values: z.object({ root_module: Module }) });

const flat = (module: Module): z.infer<typeof Resource>[] => [
  ...(module.resources ?? []).filter(({ mode }) => mode === "managed"),
  ...(module.child_modules ?? []).flatMap(flat),
];

/** `type.name` → members that the modules' text gives, so that what a provider computes is left out. */
function written(module: Written, path: string, found = new Map<string, Set<string>>()): Map<string, Set<string>> {
  for (const { type, name, expressions } of module.resources ?? [])
    found.set(`${path}${type}.${name}`, new Set(Object.keys(expressions ?? {})));
  for (const [name, call] of Object.entries(module.module_calls ?? {}))
    written(call.module, `${path}module.${name}.`, found);
  return found;
}

/** What the plan says, and where it could not know, what applying it gave. */
function filled(plan: unknown, state: unknown): unknown {
  if (Array.isArray(plan) && Array.isArray(state))
    return plan.length === 0 ? state : plan.map((item, at) => filled(item, state[at]));
  if (isRecord(plan) && isRecord(state))
    return Object.fromEntries(
      [...new Set([...Object.keys(plan), ...Object.keys(state)])].map((key) => [key, filled(plan[key], state[key])]),
    );
  return plan === undefined ? state : plan;
}
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const RANDOM_ID =
  /\b(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|(?:vpc|subnet|sg|igw|nat|eipalloc|rtb|vpce|lt)-[0-9a-f]{8,17})\b/g;

/**
 * What differs from one run to the next is made the same: an id is called after the resource that has it, and lists of
 * texts, which are mostly sets in an order of ids, are sorted; texts that are JSON, such as policies, are as their value.
 */
function settled(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item) => settled(item, names));
    return items.every((item) => typeof item === "string") ? items.sort() : items;
  }
  if (isRecord(value))
    return Object.fromEntries(
      Object.entries(value)
        .map(([key, member]) => [key, settled(member, names)] as const)
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  if (typeof value !== "string") return value;
  if (value.startsWith("{")) return JSON.stringify(settled(JSON.parse(value), names));
  return value
    .replace(RANDOM_ID, (id) => names.get(id) ?? "id")
    .replace(/https?:\/\/127\.0\.0\.1:\d+\//g, "https://sqs.example.com/");
}

/** `aws_subnet.private.eu-central-1a`: an address without its modules and without characters that ids do not have. */
const nameOf = (address: string): string =>
  address.slice(address.search(/[a-z0-9_]+\.[a-z0-9_]+(?:\[[^\]]*\])?$/)).replace(/\["?([^"\]]*)"?\]/, ".$1");

/** The resources of a plan (`show -json` of it, and of the state once it was applied), stable from run to run. */
export function plannedResources(plan: unknown, state: unknown): PlannedResource[] {
  const planned = Planned.parse(plan);
  const applied = new Map(flat(Applied.parse(state).values.root_module).map((each) => [each.address, each.values]));
  const members = written(planned.configuration.root_module, "");
  const resources = flat(planned.planned_values.root_module)
    .map(({ address, type, values }) => {
      const said = members.get(address.replace(/\["[^"]*"\]|\[\d+\]/g, "")) ?? new Set();
      const all = Object.entries(filled(values, applied.get(address) ?? {}) as Record<string, unknown>); // safe because: two records make one
      const kept = all.filter(([key, value]) => said.has(key) && value !== null).sort(([a], [b]) => (a < b ? -1 : 1));
      return { address, type, values: Object.fromEntries(kept) };
    })
    .sort((a, b) => (a.address < b.address ? -1 : 1));
  const names = new Map(
    [...applied].flatMap(([address, { id }]) => (typeof id === "string" ? [[id, nameOf(address)] as const] : [])),
  );
  return resources.map(({ values, ...rest }) => ({
    ...rest,
    values: settled(values, names) as Record<string, unknown>, // safe because: a record stays one
  }));
}

/** The resources of one module whose settings are plain, read from its text with the arguments that a cell gives it. */
export function writtenResources(moduleText: string, rootText: string, name: string): PlannedResource[] {
  const call = readHcl(rootText, {}).find(({ type, labels }) => type === "module" && labels[0] === name);
  if (!call) throw new Error(`no module ${name} is called`);
  const given: Record<string, HclValue> = call.attributes;
  return readHcl(moduleText, given).flatMap(({ type, labels: [kind, label], attributes }) =>
    type === "resource" && kind !== undefined
      ? [{ address: `module.${name}.${kind}.${label}`, type: kind, values: withoutUnknown(attributes) }]
      : [],
  );
}

const withoutUnknown = (attributes: Record<string, HclValue>): Record<string, unknown> =>
  JSON.parse(JSON.stringify(attributes));

/** SHA-256 over names and texts of the `.tf` files under the folders: which text the committed resources are of. */
export function sourceDigest(root: string, folders: readonly string[]): string {
  const files = folders
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true }).map((name) => `${folder}/${String(name)}`),
    )
    .filter((name) => name.endsWith(".tf"))
    .sort();
  return encodeHex(sha256(utf8(files.map((name) => `${name}\n${readFileSync(join(root, name), "utf8")}`).join("\n"))));
}
