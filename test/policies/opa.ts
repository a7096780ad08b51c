import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { evaluate, loadPlan, type Plan } from "../../policies/engine/evaluate.ts";
import { fromJson, toJson } from "../../policies/engine/json.ts";
import { OObject, type Value } from "../../policies/engine/value.ts";
import type { Question } from "./generated.ts";

const ROOT = resolve(import.meta.dirname, "../..");

/** A policy that comes with the project: its Rego, and the plan that is committed for it. */
export interface ShippedPolicy {
  name: string;
  folder: string;
  plan: string;
  /** So many verbs at least are among the answers to generated questions: all ending the same way would show nothing. */
  verbs: number;
}

export const SHIPPED: readonly ShippedPolicy[] = [
  { name: "the cell's policy", folder: "policies/cell", plan: "policies/plans/cell.json", verbs: 4 },
  {
    name: "the tenant example",
    folder: "policies/examples/tenant",
    plan: "policies/plans/tenant-example.json",
    verbs: 4,
  },
  {
    name: "the approvals example",
    folder: "policies/examples/approvals",
    plan: "policies/plans/approvals-example.json",
    verbs: 2,
  },
];

/** The engine's value of a JSON document. */
export function engineValue(json: unknown): Value {
  const converted = fromJson(json);
  if (!converted.ok) throw new Error(converted.error.detail);
  return converted.value;
}

/** A shipped policy in our engine: its compiled plan and its own data, to which each question's facts are added. */
export function shippedPlan({ folder, plan }: ShippedPolicy): { plan: Plan; data: (facts: unknown) => Value } {
  const loaded = loadPlan(JSON.parse(readFileSync(join(ROOT, plan), "utf8")));
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error));
  const own = JSON.parse(readFileSync(join(ROOT, folder, "data.json"), "utf8"));
  const documents = new Map<unknown, Value>();
  return {
    plan: loaded.value,
    data(facts) {
      const known = documents.get(facts);
      if (known !== undefined) return known;
      const value = engineValue({ ...own, facts });
      documents.set(facts, value);
      return value;
    },
  };
}

/** What our engine answers; `undefined` for no answer. */
export function askEngine(policy: ShippedPolicy, questions: readonly Question[], strict: boolean): unknown[] {
  const { plan, data } = shippedPlan(policy);
  return questions.map(({ input, facts, now_ns }) => {
    const answer = evaluate(plan, "bailiwick/decision", {
      input: engineValue(input),
      data: data(facts),
      now_ns: BigInt(now_ns),
      strict,
    });
    if (!answer.ok) return { failure: answer.error };
    return answer.value.value instanceof OObject ? toJson(answer.value.value) : undefined;
  });
}

/** One module asks for all answers, so that the process starts once. `null` stands for no answer. */
const BATCH = `package batch

answers := [answer | some question in input; answer := ask(question)]

ask(question) := decision if {
	decision := data.bailiwick.decision with input as question.input
		with data.facts as question.facts
		with time.now_ns as question.now_ns
} else := null
`;

/** What \`opa eval\` answers to the same questions, from the Rego itself. */
export function askOpa(opa: string, { folder }: ShippedPolicy, questions: readonly Question[]): unknown[] {
  const scratch = mkdtempSync(join(tmpdir(), "bailiwick-opa-"));
  try {
    writeFileSync(join(scratch, "batch.rego"), BATCH);
    writeFileSync(join(scratch, "input.json"), JSON.stringify(questions));
    const args = ["eval", "--format", "raw", "--ignore", "*_test.rego", "-d", join(ROOT, folder)];
    args.push("-d", join(scratch, "batch.rego"), "-i", join(scratch, "input.json"), "data.batch.answers");
    const printed = execFileSync(opa, args, { encoding: "utf8", maxBuffer: 1 << 28, timeout: 120_000 });
    const answers: unknown = JSON.parse(printed);
    if (!Array.isArray(answers)) throw new Error(`opa answered ${printed.slice(0, 200)}`);
    return answers;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
