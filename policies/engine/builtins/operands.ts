import { typeError } from "../failure.ts";
import type { Builtin } from "../machine.ts";
import { bigintOf, isNumber, type NumberValue, OObject, OSet, typeName, type Value } from "../value.ts";

/** How a builtin is called: its implementation and the number of its arguments. */
export interface Signature {
  arity: number;
  run: Builtin;
}
export type Family = Record<string, Signature>;
export const builtin = (arity: number, run: Builtin): Signature => ({ arity, run });

const wrong = (at: number, value: Value | undefined, ...wanted: string[]) =>
  typeError(
    `operand ${at + 1} must be ${wanted.length === 1 ? wanted[0] : `one of {${wanted.join(", ")}}`} but got ${value === undefined ? "undefined" : typeName(value)}`,
  );

export function any(args: readonly Value[], at: number): Value {
  const value = args[at];
  if (value === undefined) throw wrong(at, value, "any");
  return value;
}
export function string(args: readonly Value[], at: number): string {
  const value = args[at];
  if (typeof value !== "string") throw wrong(at, value, "string");
  return value;
}
export function number(args: readonly Value[], at: number): NumberValue {
  const value = args[at];
  if (value === undefined || !isNumber(value)) throw wrong(at, value, "number");
  return value;
}
export function boolean(args: readonly Value[], at: number): boolean {
  const value = args[at];
  if (typeof value !== "boolean") throw wrong(at, value, "boolean");
  return value;
}
export function array(args: readonly Value[], at: number): readonly Value[] {
  const value = args[at];
  if (!Array.isArray(value)) throw wrong(at, value, "array");
  return value;
}
export function object(args: readonly Value[], at: number): OObject {
  const value = args[at];
  if (!(value instanceof OObject)) throw wrong(at, value, "object");
  return value;
}
export function set(args: readonly Value[], at: number): OSet {
  const value = args[at];
  if (!(value instanceof OSet)) throw wrong(at, value, "set");
  return value;
}
/** The integer an operand denotes; a fraction is a type error. */
export function bigint(args: readonly Value[], at: number): bigint {
  const value = number(args, at);
  const integer = bigintOf(value);
  if (integer === undefined) throw typeError(`operand ${at + 1} must be integer number but got floating-point number`);
  return integer;
}
/** An integer operand that fits a double exactly. */
export function integer(args: readonly Value[], at: number): number {
  const value = Number(bigint(args, at));
  if (!Number.isSafeInteger(value)) throw typeError(`operand ${at + 1} must be a 53-bit integer`);
  return value;
}
/** Elements of an array or members of a set. */
export function list(args: readonly Value[], at: number): readonly Value[] {
  const value = args[at];
  if (Array.isArray(value)) return value;
  if (value instanceof OSet) return value.sorted();
  throw wrong(at, value, "array", "set");
}
/** Strings of an array or a set. */
export function strings(args: readonly Value[], at: number): readonly string[] {
  return list(args, at).map((value) => {
    if (typeof value !== "string")
      throw typeError(`operand ${at + 1} must be array or set of strings but got one containing ${typeName(value)}`);
    return value;
  });
}
/** One string, or strings of an array or a set. */
export const stringOrStrings = (args: readonly Value[], at: number): readonly string[] =>
  typeof args[at] === "string" ? [args[at]] : strings(args, at);
/** The code points of a text. */
export const points = (text: string): string[] => Array.from(text);
export const isAscii = (text: string): boolean => /^\p{ASCII}*$/u.test(text);
export { wrong as wrongOperand };
