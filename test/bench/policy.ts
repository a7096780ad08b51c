/**
 * Microseconds a decision takes in the policy engine, for a role-based policy and for plans of OPA's conformance cases.
 * Run: `node test/bench/policy.ts`. Figures are of one process on the machine at hand; the ratios between rows carry further.
 */
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import { evaluateAll, loadPlan, type Plan, type Question } from "../../policies/engine/evaluate.ts";
import { fromJson } from "../../policies/engine/json.ts";
import type { Value } from "../../policies/engine/value.ts";

const FILE = resolve(import.meta.dirname, "../../../shared/vectors/opa-ir/cases.json.gz");
const ROUNDS = 7;
const ROUND_MS = 150;

interface Case {
  note: string;
  plan: unknown;
  data?: unknown;
  input?: unknown;
}

const value = (json: unknown): Value => {
  const converted = fromJson(json);
  if (!converted.ok) throw new Error(converted.error.detail);
  return converted.value;
};

function loaded(json: unknown): Plan {
  const plan = loadPlan(json);
  if (!plan.ok) throw new Error(JSON.stringify(plan.error));
  return plan.value;
}

/** The median round, after two rounds of warming up. */
function measure(run: () => void): number {
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS + 2; round++) {
    const start = performance.now();
    let count = 0;
    let spent = 0;
    while (spent < ROUND_MS) {
      for (let at = 0; at < 100; at++) run();
      count += 100;
      spent = performance.now() - start;
    }
    rounds.push((spent * 1000) / count);
  }
  return rounds.slice(2).sort((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? Number.NaN;
}

function report(name: string, plan: Plan, entrypoint: string, question: () => Question): void {
  const answer = evaluateAll(plan, entrypoint, question());
  if (!answer.ok) throw new Error(`${name}: ${JSON.stringify(answer.error)}`);
  const us = measure(() => evaluateAll(plan, entrypoint, question()));
  console.log(
    `${name.padEnd(44)} ${us.toFixed(2).padStart(8)} µs ${Math.round(1e6 / us)
      .toString()
      .padStart(9)}/s ${answer.value.spent_steps} steps`,
  );
}

const rbac = loaded(JSON.parse(readFileSync(resolve(import.meta.dirname, "policy/rbac.plan.json"), "utf8")));
const grants = value({
  roles: {
    admin: [{ action: "tenants:write" }, { action: "models:write" }, { action: "chat:create" }],
    developer: [{ action: "chat:create", workspaces: ["w1", "w2"] }, { action: "embeddings:create" }],
    auditor: [{ action: "ledger:read" }],
  },
  tenants: { t1: { frozen: false }, t2: { frozen: true } },
});
const request = {
  actor: { tenant: "t1", subject: "u1", roles: ["auditor", "developer"], scopes: ["chat:create"] },
  action: "chat:create",
  resource: { workspace: "w2", model: "m1", tier: "standard", classification: "internal" },
};
const input = value(request);
report("rbac", rbac, "rbac/decision", () => ({ input, data: grants, now_ns: 0n }));
report("rbac, input converted from JSON", rbac, "rbac/decision", () => ({
  input: value(request),
  data: grants,
  now_ns: 0n,
}));

const cases: Case[] = existsSync(FILE) ? JSON.parse(gunzipSync(readFileSync(FILE)).toString()) : [];
for (const note of ["every/example every/some, success", "example/violations"]) {
  const test = cases.find((candidate) => candidate.note === note);
  if (test === undefined) {
    console.log(`${note}: skipped, because ${FILE} is absent`);
    continue;
  }
  const data = value(test.data ?? {});
  const given = test.input === undefined ? undefined : value(test.input);
  report(note, loaded(test.plan), "eval", () => ({ input: given, data, now_ns: 0n }));
}
