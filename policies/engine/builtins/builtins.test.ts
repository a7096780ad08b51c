import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { evaluate, loadPlan } from "../evaluate.ts";
import { parseJson, toJsonText } from "../json.ts";
import { OObject, type Value } from "../value.ts";

/** Expressions compiled by opa 1.22.0, and what it answers to them: `../vectors/builtins.rego` has the text. */
const read = (name: string): string =>
  readFileSync(new URL(`../vectors/builtins.${name}.json`, import.meta.url), "utf8");

function parsed(text: string): Value {
  const value = parseJson(text);
  if (!value.ok) throw new Error(value.error.detail);
  return value.value;
}

const plan = loadPlan(JSON.parse(read("plan")));
if (!plan.ok) throw new Error(JSON.stringify(plan.error));
const loaded = plan.value;
const want = parsed(read("want"));

/** As JSON shows it, where sets are arrays. */
const shown = (value: Value | undefined): Value | undefined =>
  value === undefined ? undefined : parsed(toJsonText(value));

it.each([...loaded.entrypoints.keys()])(
  "answers %s as opa does, so that a policy tested there decides the same here",
  (entrypoint) => {
    const answer = evaluate(loaded, entrypoint, { data: new OObject(), now_ns: 0n });
    const name = entrypoint.slice("vectors/".length);
    const expected = want instanceof OObject ? want.get(name) : undefined;
    expect(answer.ok ? toJsonText(shown(answer.value.value) ?? "undefined") : answer).toBe(
      toJsonText(expected ?? "undefined"),
    );
  },
);
