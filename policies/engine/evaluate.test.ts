import { describe, expect, it } from "vitest";
import { type EvaluationLimits, evaluate, evaluateAll, loadPlan, type Plan } from "./evaluate.ts";
import { fromJson, toJson } from "./json.ts";
import type { Value } from "./value.ts";

type Statement = { type: string; stmt: Record<string, unknown> };
const statement = (type: string, stmt: Record<string, unknown> = {}): Statement => ({ type, stmt });
const local = (value: number) => ({ type: "local", value });
const block = (...stmts: Statement[]) => ({ stmts });

/** A plan whose entry point `main` answers local 2 after these statements. */
const planOf = (statements: Statement[], more: Record<string, unknown> = {}) => ({
  static: { strings: [{ value: "result" }, { value: "x" }, { value: "1e999999999" }] },
  plans: {
    plans: [
      {
        name: "main",
        blocks: [
          block(
            ...statements,
            statement("MakeObjectStmt", { target: 3 }),
            statement("ObjectInsertStmt", { key: { type: "string_index", value: 0 }, value: local(2), object: 3 }),
            statement("ResultSetAddStmt", { value: 3 }),
          ),
        ],
      },
    ],
  },
  funcs: { funcs: [] },
  ...more,
});

const call = (func: string, args: unknown[], result: number) => statement("CallStmt", { func, args, result });
const number = (value: number, target: number) => statement("MakeNumberIntStmt", { value, target });

function loaded(json: unknown): Plan {
  const plan = loadPlan(json);
  if (!plan.ok) throw new Error(JSON.stringify(plan.error));
  return plan.value;
}

const value = (json: unknown): Value => {
  const converted = fromJson(json);
  if (!converted.ok) throw new Error(converted.error.detail);
  return converted.value;
};

function ask(json: unknown, options: { input?: unknown; strict?: boolean; limits?: Partial<EvaluationLimits> } = {}) {
  const { input, ...rest } = options;
  return evaluate(loaded(json), "main", {
    data: value({}),
    now_ns: 5n,
    ...(input === undefined ? {} : { input: value(input) }),
    ...rest,
  });
}

const numbersTo = (last: number) =>
  planOf([number(1, 4), number(last, 5), call("numbers.range", [local(4), local(5)], 2)]);

describe("loadPlan", () => {
  it("refuses a statement it does not know, so that no condition is skipped unseen", () => {
    const plan = loadPlan(planOf([statement("SomedayStmt", { target: 2 })]));
    expect(plan).toMatchObject({ ok: false, error: { reason: "unknown_statement", statement: "SomedayStmt" } });
  });

  it("refuses builtins and functions that do not exist, so that a policy never fails half-way for them", () => {
    const declared = {
      ...planOf([]),
      static: { strings: [{ value: "result" }], builtin_funcs: [{ name: "http.send" }] },
    };
    expect(loadPlan(declared)).toMatchObject({ ok: false, error: { reason: "unknown_builtin", builtin: "http.send" } });
    expect(loadPlan(planOf([call("http.send", [local(0)], 2)]))).toMatchObject({
      ok: false,
      error: { reason: "unknown_function", func: "http.send" },
    });
    expect(loadPlan(planOf([call("count", [], 2)]))).toMatchObject({ ok: false, error: { reason: "malformed" } });
  });

  it.each([
    ["no object", 7],
    ["a local below zero", planOf([statement("MakeNullStmt", { target: -1 })])],
    ["a string that is not there", planOf([statement("MakeNumberRefStmt", { Index: 9, target: 2 })])],
    ["a break out of more blocks than can nest", planOf([statement("BreakStmt", { index: 2 ** 30 })])],
    ["a member that is missing", planOf([statement("ScanStmt", { source: 0, key: 2, value: 3 })])],
    ["a plan without name", { plans: { plans: [{ blocks: [] }] } }],
  ])("refuses %s with the place, so that a damaged bundle is never half read", (_name, json) => {
    expect(loadPlan(json)).toMatchObject({ ok: false, error: { reason: "malformed", where: expect.any(String) } });
  });

  it("refuses deep nesting, so that a hostile bundle cannot exhaust the stack", () => {
    let deep = statement("NopStmt");
    for (let depth = 0; depth < 2_000; depth++) deep = statement("NotStmt", { block: block(deep) });
    expect(loadPlan(planOf([deep]))).toEqual({ ok: false, error: { reason: "too_large", limit: "nesting" } });
  });
});

describe("evaluate", () => {
  it("gives no value where the policy is undefined, which is told apart from null", () => {
    const undefinedInput = ask(
      planOf([statement("IsDefinedStmt", { source: 0 }), statement("MakeNullStmt", { target: 2 })]),
    );
    expect(undefinedInput).toMatchObject({ ok: true, value: { value: undefined } });
    expect(ask(planOf([statement("MakeNullStmt", { target: 2 })]))).toMatchObject({ ok: true, value: { value: null } });
  });

  it("stops at its step limit, so that no policy holds a request for ever", () => {
    expect(ask(numbersTo(2_000_000_000))).toEqual({ ok: false, error: { reason: "limit", limit: "steps" } });
    expect(ask(numbersTo(10), { limits: { steps: 5 } })).toEqual({
      ok: false,
      error: { reason: "limit", limit: "steps" },
    });
    expect(ask(numbersTo(10))).toMatchObject({ ok: true });
  });

  it("stops when a text grows beyond its limit, so that doubling cannot exhaust the memory", () => {
    const doubling = Array.from({ length: 40 }, () => [
      statement("MakeArrayStmt", { capacity: 2, target: 5 }),
      statement("ArrayAppendStmt", { value: local(2), array: 5 }),
      statement("ArrayAppendStmt", { value: local(2), array: 5 }),
      call("concat", [{ type: "string_index", value: 1 }, local(5)], 2),
    ]).flat();
    const start = statement("AssignVarStmt", { source: { type: "string_index", value: 1 }, target: 2 });
    expect(ask(planOf([start, ...doubling]))).toEqual({ ok: false, error: { reason: "limit", limit: "text_chars" } });
  });

  it("stops when nested values would be walked more often than allowed, so that shared parts cannot multiply", () => {
    const pairs = Array.from({ length: 60 }, (_, at) => [
      statement("MakeArrayStmt", { capacity: 2, target: 10 + at + 1 }),
      statement("ArrayAppendStmt", { value: local(10 + at), array: 10 + at + 1 }),
      statement("ArrayAppendStmt", { value: local(10 + at), array: 10 + at + 1 }),
    ]).flat();
    const plan = planOf([number(1, 10), ...pairs, call("json.marshal", [local(70)], 2)]);
    expect(ask(plan)).toEqual({ ok: false, error: { reason: "limit", limit: "steps" } });
  });

  it("stops a function that calls itself, which Rego cannot say but a forged plan can", () => {
    const looping = {
      name: "f",
      params: [0, 1, 2],
      return: 3,
      blocks: [block(call("f", [local(0), local(1), local(2)], 3), statement("ReturnLocalStmt", { source: 3 }))],
    };
    const plan = planOf([number(1, 4), call("f", [local(0), local(1), local(4)], 2)], { funcs: { funcs: [looping] } });
    expect(ask(plan, { input: {} })).toEqual({ ok: false, error: { reason: "limit", limit: "depth" } });
  });

  it("fails on a builtin's error when strict and reports it when not, so that an error is never an allowance", () => {
    const division = planOf([number(1, 4), number(0, 5), call("div", [local(4), local(5)], 2)]);
    const failure = { code: "eval_builtin_error", detail: "div: divide by zero" };
    expect(ask(division, { strict: true })).toEqual({ ok: false, error: { reason: "error", ...failure } });
    expect(ask(division)).toMatchObject({ ok: true, value: { value: undefined, failure } });
  });

  it("fails on a conflict whether strict or not, so that two answers never pass for one", () => {
    const conflict = planOf([
      statement("AssignVarOnceStmt", { source: { type: "bool", value: true }, target: 2 }),
      statement("AssignVarOnceStmt", { source: { type: "bool", value: false }, target: 2 }),
    ]);
    expect(ask(conflict)).toMatchObject({ ok: false, error: { reason: "error", code: "eval_conflict_error" } });
  });

  it("knows the time it is given and no randomness unless it is given some, so that a decision can be repeated", () => {
    expect(ask(planOf([call("time.now_ns", [], 2)]))).toMatchObject({ ok: true, value: { value: 5 } });
    const uuid = planOf([call("uuid.rfc4122", [{ type: "string_index", value: 1 }], 2)]);
    expect(ask(uuid, { strict: true })).toMatchObject({ ok: false, error: { code: "eval_builtin_error" } });
    const random = (bytes: Uint8Array) => bytes.fill(1);
    const answer = evaluate(loaded(uuid), "main", { data: value({}), now_ns: 0n, random });
    expect(answer).toMatchObject({ ok: true, value: { value: "01010101-0101-4101-8101-010101010101" } });
  });

  it("leaves input and data as they were, so that one decision never colours the next", () => {
    const replaced = planOf([
      statement("WithStmt", {
        local: 0,
        path: [1],
        value: { type: "bool", value: true },
        block: block(statement("AssignVarStmt", { source: local(0), target: 2 })),
      }),
    ]);
    const input = value({ x: false, y: 1 });
    const answer = evaluate(loaded(replaced), "main", { data: value({}), now_ns: 0n, input });
    expect(answer.ok && toJson(answer.value.value ?? null)).toEqual({ x: true, y: 1 });
    expect(toJson(input)).toEqual({ x: false, y: 1 });
  });

  it("refuses an entry point that is not there", () => {
    expect(evaluateAll(loaded(planOf([])), "other", { data: value({}), now_ns: 0n })).toEqual({
      ok: false,
      error: { reason: "unknown_entrypoint", entrypoint: "other" },
    });
  });

  it("refuses arithmetic on numbers too long to write out, so that an exponent is no bomb", () => {
    const sum = planOf([
      statement("MakeNumberRefStmt", { Index: 2, target: 4 }),
      call("plus", [local(4), local(4)], 2),
    ]);
    expect(ask(sum, { strict: true })).toMatchObject({ ok: false, error: { code: "eval_builtin_error" } });
  });
});
