import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { z } from "zod";
import { evaluate, loadPlan } from "../../policies/engine/evaluate.ts";
import { fromJson, toJson } from "../../policies/engine/json.ts";
import { ROOT } from "../local/command.mjs";
import { type PlannedResource, sourceDigest, writtenResources } from "./resources.ts";

/** A cell's own folder; what it is is said in its arguments, and checked against them. */
export const CELLS = ["eu1", "us1"] as const;
/** The modules that a cell's AWS part is made of; `edge` is read from its text. */
const AWS_SOURCES = ["bucket", "cell", "identity", "keys", "network", "pool", "queues"].map(
  (name) => `infra/tofu/${name}`,
);

export interface RulesInput {
  cell: { id: string; jurisdiction: string; account_id: string };
  resources: PlannedResource[];
}
const Violation = z.strictObject({ rule: z.string(), address: z.string(), detail: z.string() });
export type Violation = z.infer<typeof Violation>;

const Committed = z.strictObject({
  source_sha256: z.string(),
  cell: z.strictObject({ id: z.string(), jurisdiction: z.string(), account_id: z.string() }),
  resources: z.array(
    z.strictObject({ address: z.string(), type: z.string(), values: z.record(z.string(), z.unknown()) }),
  ),
});

const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");
export const awsDigest = (cell: string): string => sourceDigest(ROOT, [...AWS_SOURCES, `infra/cells/${cell}/aws`]);

/** What a cell's infrastructure would be, and whether the committed plan of its AWS part is of the text that is here. */
export function infrastructureOf(cell: string): { input: RulesInput; current: boolean } {
  const committed = Committed.parse(JSON.parse(read(`infra/cells/${cell}/aws/aws.plan.json`)));
  const edge = writtenResources(read("infra/tofu/edge/main.tf"), read(`infra/cells/${cell}/edge/main.tf`), "edge");
  return {
    input: { cell: committed.cell, resources: [...committed.resources, ...edge] },
    current: committed.source_sha256 === awsDigest(cell),
  };
}

/** Every violation of `infra/rules/infrastructure.rego`, by the project's own policy engine; a failing rule throws. */
export function violationsOf(input: RulesInput): Violation[] {
  const plan = loadPlan(JSON.parse(read("policies/plans/infrastructure.json")));
  if (!plan.ok) throw new Error(JSON.stringify(plan.error));
  const [converted, none] = [fromJson(input), fromJson({})];
  if (!converted.ok || !none.ok) throw new Error("the input is no JSON");
  const answer = evaluate(plan.value, "bailiwick/infrastructure/violations", {
    input: converted.value,
    data: none.value,
    now_ns: 0n,
    strict: true,
  });
  if (!answer.ok) throw new Error(JSON.stringify(answer.error));
  if (answer.value.value === undefined) throw new Error("the rules gave no answer");
  return z.array(Violation).parse(toJson(answer.value.value));
}

function main(): number {
  let failed = 0;
  for (const cell of CELLS) {
    const { input, current } = infrastructureOf(cell);
    const violations = violationsOf(input);
    process.stdout.write(`${cell}: ${input.resources.length} resources, ${violations.length} violations\n`);
    for (const { rule, address, detail } of violations) process.stdout.write(`  ${rule}  ${address}: ${detail}\n`);
    if (!current) process.stdout.write(`  stale  aws.plan.json is of another text (docs/infrastructure.md)\n`);
    failed += violations.length + (current ? 0 : 1);
  }
  return failed === 0 ? 0 : 1;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) process.exitCode = main();
