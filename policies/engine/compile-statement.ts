import { lookup, merged, storedLookup, upserted } from "./collections.ts";
import { compileCall, compileDynamicCall } from "./compile-call.ts";
import { ConflictFailure } from "./failure.ts";
import { type Frame, GO_ON, isReturn, type Locals, RETURN, type Step, UNDEFINED } from "./frame.ts";
import type { Block, Statement } from "./ir.ts";
import { LimitExceeded, meter } from "./meter.ts";
import { equalValues, numberOf, OObject, OSet, type Value } from "./value.ts";

type Of<T extends Statement["type"]> = Extract<Statement, { type: T }>;

/** Blocks one after the other; a break beyond the block it stands in goes on outwards. */
export function compileBlocks(blocks: readonly Block[], frame: Frame): Step {
  const steps = blocks.map((block) => compileBlock(block, frame));
  return (locals, machine) => {
    for (const step of steps) {
      const outcome = step(locals, machine);
      if (outcome > 0) return isReturn(outcome) ? outcome : outcome - 1;
    }
    return GO_ON;
  };
}

function compileBlock(block: Block, frame: Frame): Step {
  const steps = block.statements.map((statement) => compileStatement(statement, frame));
  const cost = steps.length + 1;
  return (locals, machine) => {
    meter.steps -= cost;
    if (meter.steps < 0) throw new LimitExceeded("steps");
    for (const step of steps) {
      const outcome = step(locals, machine);
      if (outcome !== GO_ON) return outcome;
    }
    return GO_ON;
  };
}

function compileStatement(statement: Statement, frame: Frame): Step {
  switch (statement.type) {
    case "CallStmt":
      return compileCall(statement, frame);
    case "CallDynamicStmt":
      return compileDynamicCall(statement, frame);
    case "ReturnLocalStmt": {
      const source = frame.slot(statement.source);
      return (locals, machine) => {
        machine.returned = locals[source];
        return RETURN;
      };
    }
    case "BlockStmt":
      return compileBlocks(statement.blocks, frame);
    case "BreakStmt": {
      const { index } = statement;
      return () => index;
    }
    case "NotStmt":
      return compileNot(statement, frame);
    case "ScanStmt":
      return compileScan(statement, frame);
    case "WithStmt":
      return compileWith(statement, frame);
    case "DotStmt":
    case "LenStmt":
      return compileRead(statement, frame);
    case "EqualStmt":
    case "NotEqualStmt":
    case "IsArrayStmt":
    case "IsObjectStmt":
    case "IsSetStmt":
    case "IsDefinedStmt":
    case "IsUndefinedStmt":
      return compileTest(statement, frame);
    case "ArrayAppendStmt":
    case "SetAddStmt":
    case "ObjectInsertStmt":
    case "ObjectInsertOnceStmt":
    case "ObjectMergeStmt":
    case "ResultSetAddStmt":
      return compileInsert(statement, frame);
    case "NopStmt":
      return () => GO_ON;
    default:
      return compileAssign(statement, frame);
  }
}

function compileNot({ block }: Of<"NotStmt">, frame: Frame): Step {
  const body = compileBlock(block, frame);
  return (locals, machine) => {
    const outcome = body(locals, machine);
    if (outcome === UNDEFINED) return GO_ON;
    if (outcome === GO_ON) return UNDEFINED;
    return isReturn(outcome) ? outcome : outcome - 1;
  };
}

function compileScan(statement: Of<"ScanStmt">, frame: Frame): Step {
  const [source, key, value] = [frame.slot(statement.source), frame.slot(statement.key), frame.slot(statement.value)];
  const body = compileBlock(statement.block, frame);
  return (locals, machine) => {
    const collection = locals[source];
    if (Array.isArray(collection)) {
      for (let at = 0; at < collection.length; at++) {
        locals[key] = at;
        locals[value] = collection[at];
        const outcome = body(locals, machine);
        if (outcome > 0) return isReturn(outcome) ? outcome : outcome - 1;
      }
    } else if (collection instanceof OObject || collection instanceof OSet) {
      const isObject = collection instanceof OObject;
      for (const member of isObject ? collection.keys() : collection.sorted()) {
        locals[key] = member;
        locals[value] = isObject ? collection.get(member) : member;
        const outcome = body(locals, machine);
        if (outcome > 0) return isReturn(outcome) ? outcome : outcome - 1;
      }
    }
    return GO_ON;
  };
}

function compileWith(statement: Of<"WithStmt">, frame: Frame): Step {
  const [local, value] = [frame.slot(statement.local), frame.operand(statement.value)];
  const path = statement.path.map((index) => frame.string(index));
  const body = compileBlock(statement.block, frame);
  return (locals, machine) => {
    const replacement = locals[value];
    const [before, memo] = [locals[local], machine.memo];
    // The compiler puts back what an outer `with` replaced in this way too: an input that was undefined becomes so again.
    if (replacement === undefined && path.length > 0) return UNDEFINED;
    locals[local] = replacement === undefined ? undefined : upserted(before, path, replacement);
    machine.memo = [];
    const outcome = body(locals, machine);
    machine.memo = memo;
    locals[local] = before;
    return outcome > 0 && !isReturn(outcome) ? outcome - 1 : outcome;
  };
}

function compileRead(statement: Of<"DotStmt"> | Of<"LenStmt">, frame: Frame): Step {
  const [source, target] = [frame.operand(statement.source), frame.slot(statement.target)];
  if (statement.type === "LenStmt") {
    return (locals) => {
      const length = lengthOf(locals[source]);
      locals[target] = length;
      return length === undefined ? UNDEFINED : GO_ON;
    };
  }
  const key = frame.operand(statement.key);
  const isStored = statement.source.kind === "local" && frame.stored.has(statement.source.local);
  if (isStored) frame.stored.add(statement.target);
  const find = isStored ? storedLookup : lookup;
  return (locals) => {
    const collection = locals[source];
    const name = locals[key];
    if (collection === undefined || name === undefined) return UNDEFINED;
    const found = find(collection, name);
    if (found === undefined) return UNDEFINED;
    locals[target] = found;
    return GO_ON;
  };
}

function lengthOf(value: Value | undefined): number | undefined {
  if (typeof value === "string") return [...value].length;
  if (Array.isArray(value)) return value.length;
  return value instanceof OObject || value instanceof OSet ? value.size : undefined;
}

type Test = Of<
  "EqualStmt" | "NotEqualStmt" | "IsArrayStmt" | "IsObjectStmt" | "IsSetStmt" | "IsDefinedStmt" | "IsUndefinedStmt"
>;

function compileTest(statement: Test, frame: Frame): Step {
  if ("a" in statement) {
    const [a, b] = [frame.operand(statement.a), frame.operand(statement.b)];
    const wanted = statement.type === "EqualStmt";
    return (locals) => {
      const left = locals[a];
      const right = locals[b];
      if (left === undefined || right === undefined) return UNDEFINED;
      return equalValues(left, right) === wanted ? GO_ON : UNDEFINED;
    };
  }
  const source = typeof statement.source === "number" ? frame.slot(statement.source) : frame.operand(statement.source);
  const test = TESTS[statement.type];
  return (locals) => (test(locals[source]) ? GO_ON : UNDEFINED);
}

const TESTS: Record<Exclude<Test["type"], "EqualStmt" | "NotEqualStmt">, (value: Value | undefined) => boolean> = {
  IsArrayStmt: (value) => Array.isArray(value),
  IsObjectStmt: (value) => value instanceof OObject,
  IsSetStmt: (value) => value instanceof OSet,
  IsDefinedStmt: (value) => value !== undefined,
  IsUndefinedStmt: (value) => value === undefined,
};

type Insert = Of<
  | "ArrayAppendStmt"
  | "SetAddStmt"
  | "ObjectInsertStmt"
  | "ObjectInsertOnceStmt"
  | "ObjectMergeStmt"
  | "ResultSetAddStmt"
>;

function compileInsert(statement: Insert, frame: Frame): Step {
  switch (statement.type) {
    case "ArrayAppendStmt":
    case "SetAddStmt": {
      const [collection, value] = [frame.slot(statement.collection), frame.operand(statement.value)];
      return (locals) => append(locals[collection], locals[value]);
    }
    case "ObjectInsertStmt":
    case "ObjectInsertOnceStmt": {
      const slots = [
        frame.slot(statement.object),
        frame.operand(statement.key),
        frame.operand(statement.value),
      ] as const;
      const once = statement.type === "ObjectInsertOnceStmt";
      return (locals) => insert(locals, slots, once);
    }
    case "ObjectMergeStmt": {
      const [a, b, target] = [frame.slot(statement.a), frame.slot(statement.b), frame.slot(statement.target)];
      return (locals) => {
        const left = locals[a];
        const right = locals[b];
        locals[target] = left !== undefined && right !== undefined ? merged(left, right) : (left ?? right);
        return GO_ON;
      };
    }
    case "ResultSetAddStmt": {
      const source = frame.slot(statement.source);
      return (locals, machine) => {
        const value = locals[source];
        if (value === undefined) return UNDEFINED;
        if (machine.results.push(value) > machine.resultsMax) throw new LimitExceeded("results");
        return GO_ON;
      };
    }
  }
}

function append(collection: Value | undefined, value: Value | undefined): number {
  if (value === undefined) return UNDEFINED;
  if (Array.isArray(collection)) collection.push(value);
  else if (collection instanceof OSet) collection.add(value);
  else return UNDEFINED;
  return GO_ON;
}

function insert(locals: Locals, [object, key, value]: readonly [number, number, number], once: boolean): number {
  const [target, name, member] = [locals[object], locals[key], locals[value]];
  if (!(target instanceof OObject) || name === undefined || member === undefined) return UNDEFINED;
  const known = once ? target.get(name) : undefined;
  if (known !== undefined && !equalValues(known, member)) throw new ConflictFailure("object keys must be unique");
  target.set(name, member);
  return GO_ON;
}

type Assign = Exclude<
  Statement,
  | Test
  | Insert
  | Of<
      | "CallStmt"
      | "CallDynamicStmt"
      | "ReturnLocalStmt"
      | "BlockStmt"
      | "BreakStmt"
      | "NotStmt"
      | "ScanStmt"
      | "WithStmt"
      | "DotStmt"
      | "LenStmt"
      | "NopStmt"
    >
>;

function compileAssign(statement: Assign, frame: Frame): Step {
  const target = frame.slot(statement.target);
  switch (statement.type) {
    case "AssignVarStmt": {
      const source = frame.operand(statement.source);
      return (locals) => {
        locals[target] = locals[source];
        return GO_ON;
      };
    }
    case "AssignVarOnceStmt": {
      const source = frame.operand(statement.source);
      return (locals) => {
        const known = locals[target];
        const value = locals[source];
        if (value === undefined) return UNDEFINED;
        if (known !== undefined && !equalValues(known, value))
          throw new ConflictFailure("complete rules must not produce multiple outputs");
        locals[target] = value;
        return GO_ON;
      };
    }
    case "AssignIntStmt":
    case "MakeNumberIntStmt":
      return assigning(target, () => statement.value);
    case "MakeNumberRefStmt": {
      const number = numberOf(frame.string(statement.index));
      return assigning(target, () => number);
    }
    case "ResetLocalStmt":
      return assigning(target, () => undefined);
    case "MakeNullStmt":
      return assigning(target, () => null);
    case "MakeArrayStmt":
      return assigning(target, () => []);
    case "MakeObjectStmt":
      return assigning(target, () => new OObject());
    case "MakeSetStmt":
      return assigning(target, () => new OSet());
  }
}

const assigning =
  (target: number, make: () => Value | undefined): Step =>
  (locals) => {
    locals[target] = make();
    return GO_ON;
  };
