import { err, ok, type Result } from "../../shared/contracts/result.ts";
import type { Block, Func, Operand, Policy, Statement } from "./ir.ts";

/** Why a document is not a plan that this engine runs. `where` is the path of the offending member. */
export type PlanRefusal =
  | { reason: "malformed"; where: string; detail: string }
  | { reason: "unknown_statement"; where: string; statement: string }
  | { reason: "unknown_builtin"; builtin: string }
  | { reason: "unknown_function"; where: string; func: string }
  | { reason: "too_large"; limit: string };

export class Refused extends Error {
  readonly refusal: PlanRefusal;
  constructor(refusal: PlanRefusal) {
    super(refusal.reason);
    this.refusal = refusal;
  }
}

/** Bounds on a plan's own size, checked while it is read. */
export interface PlanBounds {
  statementsMax: number;
  nestingMax: number;
}

type Members = Record<string, unknown>;
const LOCAL_MAX = 2 ** 31 - 1;

/** Checks a parsed plan against the IR schema, member by member; unknown statement kinds are refused, not skipped. */
export function readPlan(json: unknown, bounds: PlanBounds): Result<Policy, PlanRefusal> {
  try {
    return ok(new Reader(bounds).policy(json));
  } catch (error) {
    if (error instanceof Refused) return err(error.refusal);
    throw error;
  }
}

class Reader {
  readonly #bounds: PlanBounds;
  #statements = 0;
  #strings = 0;
  constructor(bounds: PlanBounds) {
    this.#bounds = bounds;
  }

  policy(json: unknown): Policy {
    const root = members(json, "$");
    const fixed = root.static === undefined || root.static === null ? {} : members(root.static, "static");
    const strings = list(fixed.strings, "static.strings").map((entry, at) =>
      text(members(entry, `static.strings[${at}]`).value, `static.strings[${at}].value`),
    );
    this.#strings = strings.length;
    const builtins = list(fixed.builtin_funcs, "static.builtin_funcs").map((entry, at) =>
      text(members(entry, `static.builtin_funcs[${at}]`).name, `static.builtin_funcs[${at}].name`),
    );
    const plans = list(optional(root.plans, "plans").plans, "plans.plans").map((entry, at) => {
      const where = `plans.plans[${at}]`;
      const plan = members(entry, where);
      return { name: text(plan.name, `${where}.name`), blocks: this.#blocks(plan.blocks, `${where}.blocks`, 0) };
    });
    const funcs = list(optional(root.funcs, "funcs").funcs, "funcs.funcs").map((entry, at) =>
      this.#func(entry, `funcs.funcs[${at}]`),
    );
    return { strings, builtins, plans, funcs };
  }

  #func(json: unknown, where: string): Func {
    const func = members(json, where);
    const path = func.path === undefined || func.path === null ? undefined : list(func.path, `${where}.path`);
    return {
      name: text(func.name, `${where}.name`),
      params: list(func.params, `${where}.params`).map((param) => local(param, `${where}.params`)),
      return: local(func.return, `${where}.return`),
      blocks: this.#blocks(func.blocks, `${where}.blocks`, 0),
      path: path?.map((part) => text(part, `${where}.path`)),
    };
  }

  #blocks(json: unknown, where: string, depth: number): Block[] {
    return list(json, where).map((block, at) => this.#block(block, `${where}[${at}]`, depth));
  }

  #block(json: unknown, where: string, depth: number): Block {
    if (depth > this.#bounds.nestingMax) throw new Refused({ reason: "too_large", limit: "nesting" });
    const statements = list(members(json, where).stmts, `${where}.stmts`);
    this.#statements += statements.length;
    if (this.#statements > this.#bounds.statementsMax) throw new Refused({ reason: "too_large", limit: "statements" });
    return { statements: statements.map((entry, at) => this.#statement(entry, `${where}.stmts[${at}]`, depth + 1)) };
  }

  #statement(json: unknown, where: string, depth: number): Statement {
    const tagged = members(json, where);
    const type = text(tagged.type, `${where}.type`);
    const stmt = members(tagged.stmt, `${where}.stmt`);
    const at = (name: string): number => local(stmt[name], `${where}.${name}`);
    const operand = (name: string): Operand => this.#operand(stmt[name], `${where}.${name}`);
    const block = (): Block => this.#block(stmt.block, `${where}.block`, depth);
    switch (type) {
      case "ReturnLocalStmt":
        return { type, source: at("source") };
      case "CallStmt":
        return {
          type,
          func: text(stmt.func, `${where}.func`),
          args: this.#operands(stmt.args, `${where}.args`),
          result: at("result"),
        };
      case "CallDynamicStmt":
        return {
          type,
          path: this.#operands(stmt.path, `${where}.path`),
          args: list(stmt.args, `${where}.args`).map((arg) => local(arg, `${where}.args`)),
          result: at("result"),
        };
      case "BlockStmt":
        return { type, blocks: this.#blocks(stmt.blocks, `${where}.blocks`, depth) };
      case "BreakStmt":
        return { type, index: at("index") <= this.#bounds.nestingMax ? at("index") : malformed(where, "out of range") };
      case "DotStmt":
        return { type, source: operand("source"), key: operand("key"), target: at("target") };
      case "LenStmt":
        return { type, source: operand("source"), target: at("target") };
      case "ScanStmt":
        return { type, source: at("source"), key: at("key"), value: at("value"), block: block() };
      case "NotStmt":
        return { type, block: block() };
      case "AssignIntStmt":
      case "MakeNumberIntStmt":
        return { type, value: integer(stmt.value, `${where}.value`), target: at("target") };
      case "AssignVarStmt":
      case "AssignVarOnceStmt":
        return { type, source: operand("source"), target: at("target") };
      case "ResetLocalStmt":
      case "MakeNullStmt":
      case "MakeArrayStmt":
      case "MakeObjectStmt":
      case "MakeSetStmt":
        return { type, target: at("target") };
      case "MakeNumberRefStmt":
        return { type, index: this.#stringIndex(stmt.Index ?? stmt.index, `${where}.Index`), target: at("target") };
      case "EqualStmt":
      case "NotEqualStmt":
        return { type, a: operand("a"), b: operand("b") };
      case "IsArrayStmt":
      case "IsObjectStmt":
      case "IsSetStmt":
        return { type, source: operand("source") };
      case "IsDefinedStmt":
      case "IsUndefinedStmt":
        return { type, source: at("source") };
      case "ResultSetAddStmt":
        return { type, source: at("value") };
      case "ArrayAppendStmt":
        return { type, value: operand("value"), collection: at("array") };
      case "SetAddStmt":
        return { type, value: operand("value"), collection: at("set") };
      case "ObjectInsertStmt":
      case "ObjectInsertOnceStmt":
        return { type, key: operand("key"), value: operand("value"), object: at("object") };
      case "ObjectMergeStmt":
        return { type, a: at("a"), b: at("b"), target: at("target") };
      case "WithStmt":
        return {
          type,
          local: at("local"),
          path: list(stmt.path, `${where}.path`).map((index) => this.#stringIndex(index, `${where}.path`)),
          value: operand("value"),
          block: block(),
        };
      case "NopStmt":
        return { type };
      default:
        throw new Refused({ reason: "unknown_statement", where, statement: type.slice(0, 64) });
    }
  }

  #operands(json: unknown, where: string): Operand[] {
    return list(json, where).map((entry, at) => this.#operand(entry, `${where}[${at}]`));
  }

  #operand(json: unknown, where: string): Operand {
    const { type, value } = members(json, where);
    if (type === "local") return { kind: "local", local: local(value, where) };
    if (type === "string_index") return { kind: "string", index: this.#stringIndex(value, where) };
    if (type === "bool" && typeof value === "boolean") return { kind: "bool", value };
    return malformed(where, "not an operand");
  }

  #stringIndex(value: unknown, where: string): number {
    const index = local(value, where);
    return index < this.#strings ? index : malformed(where, "no such string");
  }
}

function malformed(where: string, detail: string): never {
  throw new Refused({ reason: "malformed", where, detail });
}

function members(json: unknown, where: string): Members {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return malformed(where, "not an object");
  // safe because: checked above to be an object that is no array; members are read as unknown
  return json as Members;
}

const optional = (json: unknown, where: string): Members =>
  json === undefined || json === null ? {} : members(json, where);

function list(json: unknown, where: string): unknown[] {
  // Go writes an absent list as null.
  if (json === undefined || json === null) return [];
  return Array.isArray(json) ? json : malformed(where, "not a list");
}

const text = (json: unknown, where: string): string =>
  typeof json === "string" ? json : malformed(where, "not a string");

const integer = (json: unknown, where: string): number =>
  Number.isSafeInteger(json) && typeof json === "number" ? json : malformed(where, "not an integer");

function local(json: unknown, where: string): number {
  const value = integer(json, where);
  return value >= 0 && value <= LOCAL_MAX ? value : malformed(where, "out of range");
}
