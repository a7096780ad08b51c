import { compileBlocks } from "./compile-statement.ts";
import { Frame, GO_ON, type Routine, type Scope } from "./frame.ts";
import { DATA, INPUT, type Policy } from "./ir.ts";
import type { Machine } from "./machine.ts";
import type { Value } from "./value.ts";

type Entrypoint = (machine: Machine, input: Value | undefined, data: Value) => void;

/** Compiles a checked policy into closures, one entry point a plan. Throws `Refused` for calls that lead nowhere. */
export function compilePolicy(policy: Policy): ReadonlyMap<string, Entrypoint> {
  const routines = new Map<string, Routine>();
  const paths = new Map<string, Routine>();
  policy.funcs.forEach((func, index) => {
    const memoised = func.params.length === 2 && func.params[0] === INPUT && func.params[1] === DATA;
    // The planner numbers its trees of functions: `g0` stands for `data`.
    const path = func.path === undefined ? [func.name] : ["data", ...func.path.slice(1)];
    const routine: Routine = { index, path, memoised, params: [], template: [], blocks: () => GO_ON };
    routines.set(func.name, routine);
    if (func.path !== undefined) paths.set(JSON.stringify(func.path), routine);
  });
  const scope: Scope = { strings: policy.strings, routines, paths };
  for (const func of policy.funcs) {
    const routine = routines.get(func.name);
    if (routine === undefined) continue;
    const frame = new Frame(scope, func.name);
    routine.params = func.params.map((param) => frame.slot(param));
    routine.blocks = compileBlocks(func.blocks, frame);
    routine.template = frame.template;
  }
  return new Map(policy.plans.map(({ name, blocks }) => [name, compileEntrypoint(new Frame(scope, name), blocks)]));
}

function compileEntrypoint(frame: Frame, blocks: Policy["plans"][number]["blocks"]): Entrypoint {
  const [input, data] = [frame.slot(INPUT), frame.slot(DATA)];
  const run = compileBlocks(blocks, frame);
  return (machine, inputValue, dataValue) => {
    const locals = frame.template.slice();
    locals[input] = inputValue;
    locals[data] = dataValue;
    run(locals, machine);
  };
}
