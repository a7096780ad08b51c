/**
 * Microseconds of a decision and decisions per second of the default policy: our engine on one core, OPA's own benchmark
 * and OPA's server as users run it, driven over loopback on a connection that is kept open, in one run. Figures are of the
 * machine at hand; the ratios carry further. Run: `npm run bench:policy`.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { findOpa } from "../../infra/local/policies.mjs";
import { evaluate, type Plan } from "../../policies/engine/evaluate.ts";
import type { Value } from "../../policies/engine/value.ts";
import { engineValue, SHIPPED, shippedPlan } from "../policies/opa.ts";
import { BENCH_CALLS, type BenchCall } from "./policy/calls.ts";
import { opaBenchUs, opaServer } from "./policy/opa-runs.ts";
import { type Row, report } from "./policy/report.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const ENTRYPOINT = "bailiwick/decision";
const ROUNDS = 9;
const WARM_ROUNDS = 3;
const ROUND_MS = 150;
const BATCH = 200;

/** The median round, after some of warming up. */
function medianUs(run: () => void): number {
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS + WARM_ROUNDS; round++) {
    const started = performance.now();
    let count = 0;
    let spentMs = 0;
    while (spentMs < ROUND_MS) {
      for (let at = 0; at < BATCH; at++) run();
      count += BATCH;
      spentMs = performance.now() - started;
    }
    rounds.push((spentMs * 1_000) / count);
  }
  return rounds.slice(WARM_ROUNDS).sort((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? Number.NaN;
}

function ask(plan: Plan, input: Value, data: Value): number {
  const answer = evaluate(plan, ENTRYPOINT, { input, data, now_ns: 0n, strict: true });
  if (!answer.ok) throw new Error(JSON.stringify(answer.error));
  return answer.value.spent_steps;
}

function ours(plan: Plan, { input, facts }: BenchCall, dataOf: (facts: unknown) => Value) {
  const data = dataOf(facts);
  const converted = engineValue(input);
  return {
    steps: ask(plan, converted, data),
    evaluateUs: medianUs(() => void ask(plan, converted, data)),
    wholeUs: medianUs(() => void ask(plan, engineValue(input), data)),
  };
}

const [cell] = SHIPPED;
if (cell === undefined) throw new Error("the cell's policy is missing");
const { plan, data } = shippedPlan(cell);
const opa = findOpa();
const scratch = mkdtempSync(join(tmpdir(), "bailiwick-bench-policy-"));
const rows: Row[] = [];
try {
  for (const call of BENCH_CALLS) {
    const row: Row = { call: call.name, ...ours(plan, call, data), opaBenchUs: null, opaServer: null };
    if (!("missing" in opa)) {
      writeFileSync(join(scratch, "facts.json"), JSON.stringify({ facts: call.facts }));
      writeFileSync(join(scratch, "input.json"), JSON.stringify(call.input));
      const files = { policy: join(ROOT, cell.folder), facts: join(scratch, "facts.json") };
      row.opaBenchUs = opaBenchUs(opa.file, files, join(scratch, "input.json"));
      row.opaServer = await opaServer(opa.file, files, call.input);
    }
    rows.push(row);
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
report(rows, "missing" in opa ? opa.missing : null);
