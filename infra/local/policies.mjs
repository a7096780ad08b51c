import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gunzipSync } from "node:zlib";
import { ROOT } from "./command.mjs";

/**
 * `npm run policies:build`: compiles the Rego that comes with the project into the plans that are committed beside it.
 * With `--check` nothing is written: exits with 1 when a plan is not what its Rego compiles to. Without `opa`, on the
 * PATH or named by the variable `OPA`, it says so and changes nothing.
 */

/** The version that the committed plans are compiled with; another one may plan the same policy differently. */
export const OPA_VERSION = "1.22.0";
const CAPABILITIES = join(ROOT, "policies/capabilities.json");
const STATEMENT_POSITIONS = new Set(["file", "col", "row", "end_col", "end_row"]);

/** Plans by file under `policies/plans`: the folder of their Rego, and what can be asked. */
export const PLANS = [
  { plan: "cell.json", source: "policies/cell", tests: false },
  { plan: "cell.test.json", source: "policies/cell", tests: true },
  { plan: "tenant-example.json", source: "policies/examples/tenant", tests: false },
  { plan: "tenant-example.test.json", source: "policies/examples/tenant", tests: true },
  { plan: "approvals-example.json", source: "policies/examples/approvals", tests: false },
  { plan: "approvals-example.test.json", source: "policies/examples/approvals", tests: true },
  {
    plan: "infrastructure.json",
    source: "infra/rules",
    tests: false,
    entrypoint: "bailiwick/infrastructure/violations",
  },
];

/** @returns {{ file: string, version: string } | { missing: string }} the compiler, or why there is none */
export function findOpa(env = process.env) {
  const file = env.OPA || "opa";
  const asked = spawnSync(file, ["version"], { encoding: "utf8", timeout: 20_000 });
  const version = /^Version: (\S+)/m.exec(asked.stdout ?? "")?.[1];
  if (asked.status !== 0 || version === undefined)
    return { missing: env.OPA ? `OPA names ${env.OPA}, which does not run` : "opa is not on the PATH" };
  if (version !== OPA_VERSION) return { missing: `opa is ${version}, and this project uses ${OPA_VERSION}` };
  return { file, version };
}

/** Names of the rules `test_*` of a folder's Rego, as entry points. */
function testEntrypoints(/** @type {string} */ folder) {
  const rules = readdirSync(folder)
    .filter((name) => name.endsWith("_test.rego"))
    .sort()
    .flatMap((name) => {
      const text = readFileSync(join(folder, name), "utf8");
      const at = /^package (\S+)$/m.exec(text)?.[1]?.replaceAll(".", "/");
      return [...text.matchAll(/^(test_\w+)\b/gm)].map((match) => `${at}/${match[1]}`);
    });
  return [...new Set(rules)];
}

/** The named file of a tar archive as `opa build` writes it. */
function fileOfTar(/** @type {Buffer} */ tar, /** @type {string} */ wanted) {
  for (let at = 0; at + 512 <= tar.length; ) {
    const name = tar.toString("utf8", at, at + 100).replace(/\0.*$/s, "");
    const size = Number.parseInt(tar.toString("latin1", at + 124, at + 136), 8) || 0;
    if (name.replace(/^\//, "") === wanted) return tar.subarray(at + 512, at + 512 + size);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  throw new Error(`the bundle holds no ${wanted}`);
}

/** Positions in the source say nothing to an evaluator and would change with every blank line. */
function withoutPositions(/** @type {unknown} */ node) {
  if (Array.isArray(node)) return node.map(withoutPositions);
  if (typeof node !== "object" || node === null) return node;
  const kept = Object.entries(node).filter(([key]) => !STATEMENT_POSITIONS.has(key));
  return Object.fromEntries(kept.map(([key, value]) => [key, withoutPositions(value)]));
}

/** One line a function and a plan, so that a change shows where it is. */
function planText(/** @type {{ static: object, plans: { plans: object[] }, funcs: { funcs: object[] } }} */ plan) {
  const lines = (/** @type {object[]} */ rows) => rows.map((row) => JSON.stringify(withoutPositions(row))).join(",\n");
  const { files: _files, ...statics } = /** @type {Record<string, unknown>} */ (plan.static);
  return `{"static":${JSON.stringify(statics)},\n"plans":{"plans":[\n${lines(plan.plans.plans)}\n]},\n"funcs":{"funcs":[\n${lines(plan.funcs.funcs)}\n]}}\n`;
}

/**
 * Compiles one folder of Rego to the text of its plan. Throws with the compiler's words.
 * @param {string} opa
 * @param {{ source: string, tests: boolean, entrypoint?: string }} what
 */
export function compilePlan(opa, { source, tests, entrypoint = "bailiwick/decision" }) {
  const folder = join(ROOT, source);
  const out = mkdtempSync(join(tmpdir(), "bailiwick-plan-"));
  try {
    const entrypoints = tests ? testEntrypoints(folder) : [entrypoint];
    const args = [
      ...["build", "-t", "plan", "--capabilities", CAPABILITIES, "-o", join(out, "bundle.tar.gz")],
      ...entrypoints.flatMap((entrypoint) => ["-e", entrypoint]),
      ...(tests ? [] : ["--ignore", "*_test.rego"]),
      ...["-b", folder],
    ];
    const built = spawnSync(opa, args, { encoding: "utf8", timeout: 120_000 });
    if (built.status !== 0) throw new Error(`${source}: ${built.stderr || built.stdout || built.error}`);
    const bundle = gunzipSync(readFileSync(join(out, "bundle.tar.gz")));
    return planText(JSON.parse(fileOfTar(bundle, "plan.json").toString("utf8")));
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

/** @returns {number} the exit status */
export function main(/** @type {string[]} */ args, say = (/** @type {string} */ line) => console.log(line)) {
  const opa = findOpa();
  if ("missing" in opa) {
    say(`policies: skipped, because ${opa.missing}`);
    return args.includes("--check") ? 0 : 1;
  }
  const plans = join(ROOT, "policies/plans");
  mkdirSync(plans, { recursive: true });
  let stale = 0;
  for (const what of PLANS) {
    const text = compilePlan(opa.file, what);
    const file = join(plans, what.plan);
    const same = existsSync(file) && readFileSync(file, "utf8") === text;
    if (!same && args.includes("--check")) stale++;
    else if (!same) writeFileSync(file, text);
    say(`policies/plans/${what.plan}: ${same ? "as its Rego" : args.includes("--check") ? "DIFFERS" : "written"}`);
  }
  if (stale > 0) say("policies: run `npm run policies:build` and commit the plans with their Rego");
  return stale === 0 ? 0 : 1;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href)
  process.exitCode = main(process.argv.slice(2));
