import type { BuiltinFailure } from "./failure.ts";
import type { Value } from "./value.ts";

/** What an evaluation may use of the world: all of it is given by the caller. */
export interface World {
  /** Nanoseconds since 1970 in UTC; fixed for one evaluation. */
  now_ns: bigint;
  /** Fills an array with random bytes. Absent: builtins that need randomness fail. */
  random?: (bytes: Uint8Array<ArrayBuffer>) => void;
  /** What `opa.runtime()` answers. */
  runtime?: Value;
}

/** Told of each rule or function of the plan that gave a result; a memoised one once. */
export type Trace = (path: readonly string[]) => void;

/** Remembered in place of a result where a function has none. */
export const NO_ANSWER = Symbol("no answer");

/** The state of one evaluation. */
export class Machine {
  readonly #world: World;
  /** Whether anything asked for the time, randomness or the runtime: else the answer is one of plan, input and data alone. */
  askedWorld = false;
  readonly strict: boolean;
  readonly depthMax: number;
  readonly resultsMax: number;
  readonly trace: Trace | undefined;
  /** Results of functions that only take input and data; `with` swaps it. */
  memo: (Value | typeof NO_ANSWER | undefined)[] = [];
  depth = 0;
  returned: Value | undefined = undefined;
  readonly results: Value[] = [];
  #kept: Map<string, Value> | undefined;
  /** The first builtin failure, for explanations when the evaluation is not strict. */
  failure: BuiltinFailure | undefined = undefined;

  get world(): World {
    this.askedWorld = true;
    return this.#world;
  }

  /** What a builtin keeps for the length of one evaluation, by its own key. */
  get kept(): Map<string, Value> {
    this.#kept ??= new Map();
    return this.#kept;
  }

  constructor(world: World, strict: boolean, limits: { depthMax: number; resultsMax: number }, trace?: Trace) {
    this.#world = world;
    this.strict = strict;
    this.depthMax = limits.depthMax;
    this.resultsMax = limits.resultsMax;
    this.trace = trace;
  }
}

/** A pure function over values. Undefined: no answer. Throws `BuiltinFailure`. */
export type Builtin = (args: readonly Value[], machine: Machine) => Value | undefined;
