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

/** Ids that differ from one run to the next get the order of their appearance. */
function settled(text: string): string {
  const seen = new Map<string, string>();
  const numbered = (kind: string) => (id: string) => {
    const known = seen.get(id) ?? `${kind}-${[...seen.values()].filter((name) => name.startsWith(`${kind}-`)).length}`;
    seen.set(id, known);
    return known;
  };
  return text
    .replace(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, numbered("key"))
    .replace(/\b(?:vpc|subnet|sg|igw|nat|eipalloc|rtb|vpce|lt)-[0-9a-f]{8,17}\b/g, (id) =>
      numbered(id.slice(0, id.indexOf("-")))(id),
    )
    .replace(/https?:\/\/127\.0\.0\.1:\d+\//g, "https://sqs.example.com/");
}

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
  return JSON.parse(settled(JSON.stringify(resources)));
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
