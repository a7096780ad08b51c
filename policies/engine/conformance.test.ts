import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { parseTerm } from "./conformance-term.ts";
import { evaluateAll, loadPlan } from "./evaluate.ts";
import { fromJson, toJson } from "./json.ts";
import type { Value } from "./value.ts";

interface Case {
  note: string;
  plan: { static: { builtin_funcs?: { name: string }[] | null } };
  data?: unknown;
  input?: unknown;
  input_term?: string;
  want_plan_result: unknown;
  want_error_code?: string;
  want_error?: string;
  strict_error?: boolean;
  sort_bindings?: boolean;
}

const FILE = resolve(import.meta.dirname, "../../../shared/vectors/opa-ir/cases.json.gz");
const present = existsSync(FILE);
if (!present) console.log(`conformance: skipped, because ${FILE} is absent`);

const NETWORK = "a policy here reaches no network";
/** Each with its reason; at most twelve. */
const SKIPPED: Readonly<Record<string, string>> = {
  "invalidkeyerror/invalid keys": NETWORK,
  "invalidkeyerror/missing keys": NETWORK,
  "net.lookup_ip_addr/simple ip6 returns that ip6": NETWORK,
  "net.lookup_ip_addr/localhost": NETWORK,
  "regoparsemodule/ok": "needs a Rego compiler: plans are compiled by opa, before they get here",
  "regoparsemodule/error": "needs a Rego compiler: plans are compiled by opa, before they get here",
  "time/time caching": "test.sleep exists in OPA's own test programs only",
  "reachable_paths/cycle_1022_3":
    "wants the paths of a defect that OPA 1.22 mended: a node seen on one path was lost to all others",
};

/** Noon of 2026-09-21: the certificates among the cases are valid then. */
const NOW_NS = 1_790_000_000_000_000_000n;
const cases: Case[] = present ? JSON.parse(gunzipSync(readFileSync(FILE)).toString()) : [];
const table = new Map<string, { passed: number; failed: number; skipped: number }>();

function count(test: Case, outcome: "passed" | "failed" | "skipped"): void {
  const names = test.plan.static.builtin_funcs?.map(({ name }) => name) ?? [];
  for (const name of names.length === 0 ? ["(no builtin)"] : names) {
    const row = table.get(name) ?? { passed: 0, failed: 0, skipped: 0 };
    row[outcome]++;
    table.set(name, row);
  }
}

const plain = (json: unknown): Value => {
  const converted = fromJson(json);
  if (!converted.ok) throw new Error(converted.error.detail);
  return converted.value;
};

function inputOf(test: Case): Value | undefined {
  if (test.input_term !== undefined) return parseTerm(test.input_term);
  return test.input === undefined ? undefined : plain(test.input);
}

/** Results without the order of what they hold, at any depth. */
function unordered(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(unordered).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  if (typeof json !== "object" || json === null) return json;
  return Object.fromEntries(
    Object.entries(json)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => [key, unordered(value)]),
  );
}

/** A result set is a set of bindings; inside of them the order is part of the answer, unless the case says otherwise. */
function comparable(results: unknown, { sort_bindings }: Case): unknown {
  if (sort_bindings === true || !Array.isArray(results)) return unordered(results);
  return results.toSorted((a, b) => (JSON.stringify(unordered(a)) < JSON.stringify(unordered(b)) ? -1 : 1));
}

/** What the case's plan gives: its results, or the code of its failure. */
function outcome(test: Case, strict: boolean): unknown {
  const plan = loadPlan(test.plan);
  if (!plan.ok) return plan.error;
  const answer = evaluateAll(plan.value, "eval", {
    input: inputOf(test),
    data: plain(test.data ?? {}),
    now_ns: NOW_NS,
    strict,
    random: (bytes) => bytes.fill(7),
  });
  if (answer.ok) return comparable(answer.value.value.map(toJson), test);
  return { failure: answer.error.reason === "error" ? answer.error.code : answer.error };
}

/** The failure of the strict evaluation where the case has one, else the results. */
function wanted(test: Case): unknown {
  if (test.want_error_code !== undefined) return { failure: test.want_error_code };
  // Some cases name the message alone; all of those are failures of a builtin.
  return test.want_plan_result === null
    ? { failure: expect.stringMatching(/^eval_(?:builtin|type)_error$/) }
    : comparable(test.want_plan_result, test);
}

/** A case that has both fails when strict, and answers when failing builtins are undefined. */
function check(test: Case): void {
  expect(outcome(test, test.strict_error === true), test.note).toEqual(wanted(test));
  if (test.want_error_code !== undefined && test.want_plan_result !== null) {
    expect(outcome(test, false), test.note).toEqual(comparable(test.want_plan_result, test));
  }
}

describe.skipIf(!present)("OPA's conformance cases", () => {
  afterAll(() => {
    const rows = [...table].sort(([a], [b]) => (a < b ? -1 : 1));
    const total = cases.length - Object.keys(SKIPPED).length;
    console.log(`conformance: ${cases.length} cases, ${total} run\nbuiltin passed failed skipped`);
    console.log(rows.map(([name, { passed, failed, skipped }]) => `${name} ${passed} ${failed} ${skipped}`).join("\n"));
  });

  it("skips at most twelve cases, so that a gap cannot grow unseen", () => {
    expect(Object.keys(SKIPPED).length).toBeLessThanOrEqual(12);
    const notes = new Set(cases.map(({ note }) => note));
    expect(Object.keys(SKIPPED).filter((note) => !notes.has(note))).toEqual([]);
  });

  const groups = Map.groupBy(cases, ({ note }) => note.split("/")[0] ?? note);
  it.each([...groups])("decides %s as OPA does, so that a policy means the same here", (_name, group) => {
    const failures: unknown[] = [];
    for (const test of group) {
      if (Object.hasOwn(SKIPPED, test.note)) {
        count(test, "skipped");
        continue;
      }
      try {
        check(test);
        count(test, "passed");
      } catch (failure) {
        failures.push(failure);
        count(test, "failed");
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join("\n"));
  });
});
