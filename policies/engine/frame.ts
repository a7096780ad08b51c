import { DATA, type Operand } from "./ir.ts";
import type { Machine } from "./machine.ts";
import type { Value } from "./value.ts";

/** One call's locals, followed by the constants its statements name. */
export type Locals = (Value | undefined)[];
/** Runs a statement or block. Answers `GO_ON`, or how many further blocks end with this one (0: none, it is undefined), or `RETURN`. */
export type Step = (locals: Locals, machine: Machine) => number;
export const GO_ON = -1;
/** Each block on the way out takes one off, so whatever is above half of it is a return. */
export const RETURN = 2 ** 30;
export const isReturn = (outcome: number): boolean => outcome > RETURN / 2;
/** What a statement answers when it is undefined: its block ends. */
export const UNDEFINED = 0;

/** A function as compiled; filled in after all functions are known, so that they may call each other. */
export interface Routine {
  index: number;
  /** Where the rule or function lies, such as `["data", "app", "allow"]`. */
  path: readonly string[];
  /** Takes only input and data, so its result is the same all through one evaluation. */
  memoised: boolean;
  params: number[];
  template: Locals;
  blocks: Step;
}

/** What a plan's statements may refer to. */
export interface Scope {
  strings: readonly string[];
  routines: ReadonlyMap<string, Routine>;
  /** Functions by the JSON text of their path. */
  paths: ReadonlyMap<string, Routine>;
}

/** Gives each local and each constant of one function its place in the frame. */
export class Frame {
  readonly scope: Scope;
  readonly where: string;
  readonly template: Locals = [];
  /** Locals that are read straight out of `data`, and `data` itself. */
  readonly stored = new Set<number>([DATA]);
  readonly #locals = new Map<number, number>();
  readonly #constants = new Map<string | boolean, number>();

  constructor(scope: Scope, where: string) {
    this.scope = scope;
    this.where = where;
  }

  slot(local: number): number {
    return this.#locals.get(local) ?? this.#place(this.#locals, local, undefined);
  }

  operand(operand: Operand): number {
    if (operand.kind === "local") return this.slot(operand.local);
    const value = operand.kind === "string" ? this.string(operand.index) : operand.value;
    return this.#constants.get(value) ?? this.#place(this.#constants, value, value);
  }

  string(index: number): string {
    return this.scope.strings[index] ?? "";
  }

  #place<K>(slots: Map<K, number>, key: K, initial: Value | undefined): number {
    const slot = this.template.push(initial) - 1;
    slots.set(key, slot);
    return slot;
  }
}
