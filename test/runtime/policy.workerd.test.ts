import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { evaluate, loadPlan } from "../../policies/engine/evaluate.ts";
import { toJsonText } from "../../policies/engine/json.ts";
import { OObject } from "../../policies/engine/value.ts";
import { startWorkerd, type WorkerdProcess } from "../support/workerd-process.ts";

const path = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const text = readFileSync(path("policies/engine/vectors/builtins.plan.json"), "utf8");
let workerd: WorkerdProcess;

beforeAll(async () => {
  workerd = await startWorkerd({ entry: path("test/runtime/policy-worker.ts"), objects: {} });
}, 60_000);
afterAll(async () => workerd.stop());

it("decides on workerd exactly as on Node, so that a policy means the same at every edge", async () => {
  const plan = loadPlan(JSON.parse(text));
  if (!plan.ok) throw new Error(JSON.stringify(plan.error));
  const here = Object.fromEntries(
    [...plan.value.entrypoints.keys()].map((entrypoint) => {
      const answer = evaluate(plan.value, entrypoint, { data: new OObject(), now_ns: 0n });
      return [entrypoint, answer.ok && answer.value.value !== undefined ? toJsonText(answer.value.value) : null];
    }),
  );
  const response = await fetch(workerd.url, { method: "POST", body: text });
  expect(await response.json()).toEqual(here);
});
