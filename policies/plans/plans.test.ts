import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { findOpa } from "../../infra/local/policies.mjs";
import { evaluate, loadPlan } from "../engine/evaluate.ts";
import { fromJson, toJson } from "../engine/json.ts";
import type { Value } from "../engine/value.ts";

const opa = findOpa();
const missing = "missing" in opa ? ` (skipped: ${opa.missing})` : "";

const read = (path: string): unknown => JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8"));

function value(json: unknown): Value {
  const converted = fromJson(json);
  if (!converted.ok) throw new Error(converted.error.detail);
  return converted.value;
}

/** Rules `test_*` of the Rego, as many as their files have: a test that the compiler dropped must not count as passed. */
function namesIn(folder: string, files: readonly string[]): string[] {
  return files.flatMap((file) =>
    [...readFileSync(new URL(`${folder}${file}`, import.meta.url), "utf8").matchAll(/^(test_\w+)\b/gm)].map(
      ([, name]) => `bailiwick/test/${name}`,
    ),
  );
}

describe.each([
  {
    policy: "the cell's policy",
    plan: "./cell.test.json",
    folder: "../cell/",
    files: ["rbac_test.rego", "decision_test.rego", "places_test.rego", "attributes_test.rego"],
  },
  {
    policy: "the example of a tenant's policy",
    plan: "./tenant-example.test.json",
    folder: "../examples/tenant/",
    files: ["decision_test.rego"],
  },
  {
    policy: "the example of what somebody must approve",
    plan: "./approvals-example.test.json",
    folder: "../examples/approvals/",
    files: ["decision_test.rego"],
  },
])("$policy keeps its own Rego tests in our engine", ({ plan: file, folder, files }) => {
  const loaded = loadPlan(read(file));
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error));
  const plan = loaded.value;
  const data = value(read(`${folder}data.json`));

  it("and the plan holds every one of them", () => {
    expect([...plan.entrypoints.keys()].sort()).toEqual(namesIn(folder, files).sort());
  });

  it.each([...plan.entrypoints.keys()])("%s", (entrypoint) => {
    const answer = evaluate(plan, entrypoint, { data, now_ns: 0n, strict: true });
    if (!answer.ok) throw new Error(JSON.stringify(answer.error));
    expect(answer.value.value === undefined ? undefined : toJson(answer.value.value)).toBe(true);
  });

  it.skipIf("missing" in opa)(`and passes all of them under \`opa test\` too${missing}`, () => {
    if ("missing" in opa) return;
    const where = fileURLToPath(new URL(folder, import.meta.url));
    const printed = execFileSync(opa.file, ["test", where], { encoding: "utf8", timeout: 60_000 });
    expect(printed).toContain(`PASS: ${plan.entrypoints.size}/${plan.entrypoints.size}`);
  });
});
