import { lookup } from "../collections.ts";
import { builtinError } from "../failure.ts";
import { LimitExceeded, meter, spend, spendText } from "../meter.ts";
import { compareValues, equalValues, isNumber, Num, numberText, OObject, OSet, type Value } from "../value.ts";
import { builtin, type Family, object, points, string } from "./operands.ts";
import { encodeQuery } from "./query.ts";
import { sprintf } from "./sprintf.ts";
import { type Operand, type Pipeline, parseTemplate, type TemplateNode } from "./template-parse.ts";

/** Absent values are printed as `<undefined>`. */
type Found = Value | undefined;

/** Go's `%v` of a value as the template sees it. */
function printed(value: Found): string {
  spend(1);
  if (value === undefined || value === null) return "<no value>";
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return String(value);
  if (typeof value === "number" || value instanceof Num) return numberText(value);
  if (value instanceof OObject)
    return `map[${[...value.entries()].map(([key, member]) => `${printed(key)}:${nested(member)}`).join(" ")}]`;
  return `[${(value instanceof OSet ? value.sorted() : value).map(nested).join(" ")}]`;
}
const nested = (value: Value): string => (value === null ? "<nil>" : printed(value));

/** Numbers come as their text, so that any but an empty text is true. */
function isTrue(value: Found): boolean {
  if (value === undefined || value === null || value === false || value === "") return false;
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof OObject || value instanceof OSet) return value.size > 0;
  return !(typeof value === "number" && value === 0);
}

const size = (value: Found): number => {
  if (typeof value === "string") return points(value).length;
  if (Array.isArray(value)) return value.length;
  if (value instanceof OObject || value instanceof OSet) return value.size;
  throw builtinError("template: len of a value without length");
};

const need = (value: Found): Value => {
  if (value === undefined) throw builtinError("template: missing argument");
  return value;
};

/** OPA hands a template its numbers as texts, so a text and a number written in the template never compare. */
function textual(value: Value): Value {
  spend(1);
  if (typeof value === "number" || value instanceof Num) return numberText(value);
  if (Array.isArray(value)) return value.map(textual);
  if (value instanceof OSet) return value.sorted().map(textual);
  if (!(value instanceof OObject)) return value;
  return OObject.of([...value.entries()].map(([key, member]) => [textual(key), textual(member)]));
}

function same(a: Found, b: Found): boolean {
  const [left, right] = [need(a), need(b)];
  if (typeof left !== typeof right || typeof left === "object")
    throw builtinError("template: incompatible types for comparison");
  return equalValues(left, right);
}

const ordering =
  (holds: (order: number) => boolean) =>
  (args: readonly Found[]): Value => {
    const [a, b] = [need(args[0]), need(args[1])];
    if (!((isNumber(a) && isNumber(b)) || (typeof a === "string" && typeof b === "string")))
      throw builtinError("template: incompatible types for comparison");
    return holds(compareValues(a, b));
  };

const escaping =
  (table: Readonly<Record<string, string>>) =>
  (args: readonly Found[]): Value =>
    args
      .map(printed)
      .join("")
      .replace(/[<>"'&\\=\p{Cc}]/gu, (character) => table[character] ?? character);

const FUNCTIONS: Readonly<Record<string, (args: readonly Found[]) => Found>> = {
  not: (args) => !isTrue(args[0]),
  len: (args) => size(args[0]),
  index: ([collection, ...keys]) => keys.reduce<Found>((value, key) => lookup(need(value), need(key)), collection),
  slice: ([value, from = 0, to]) => {
    const [start, end] = [Number(from), to === undefined ? undefined : Number(to)];
    if (typeof value !== "string" && !Array.isArray(value))
      throw builtinError("template: slice of a value that has none");
    if (!(start >= 0 && start <= (end ?? value.length) && (end ?? 0) <= value.length))
      throw builtinError("template: index out of range");
    return value.slice(start, end);
  },
  eq: ([first, ...rest]) => rest.some((value) => same(first, value)),
  ne: ([a, b]) => !same(a, b),
  lt: ordering((order) => order < 0),
  le: ordering((order) => order <= 0),
  gt: ordering((order) => order > 0),
  ge: ordering((order) => order >= 0),
  print: (args) =>
    args
      .map(
        (value, at) =>
          (at > 0 && typeof value !== "string" && typeof args[at - 1] !== "string" ? " " : "") + printed(value),
      )
      .join(""),
  println: (args) => `${args.map(printed).join(" ")}\n`,
  printf: ([format, ...args]) => {
    if (typeof format !== "string") throw builtinError("template: printf without format");
    return sprintf(format, args.map(need));
  },
  html: escaping({ "<": "&lt;", ">": "&gt;", "&": "&amp;", '"': "&#34;", "'": "&#39;", "\u0000": "\ufffd" }),
  js: escaping({
    "<": "\\u003C",
    ">": "\\u003E",
    "&": "\\u0026",
    '"': '\\"',
    "'": "\\'",
    "\\": "\\\\",
    "=": "\\u003D",
    "\n": "\\u000A",
    "\r": "\\u000D",
    "\t": "\\u0009",
    "\u0000": "\\u0000",
  }),
  urlquery: (args) => encodeQuery(args.map(printed).join("")),
};

class Jump extends Error {
  readonly kind: "break" | "continue";
  constructor(kind: "break" | "continue") {
    super(kind);
    this.kind = kind;
  }
}

class Renderer {
  readonly #variables: [string, Found][];
  output = "";

  constructor(root: Value) {
    this.#variables = [["$", root]];
  }

  render(nodes: readonly TemplateNode[], dot: Found): void {
    const mark = this.#variables.length;
    for (const node of nodes) this.#node(node, dot);
    this.#variables.length = mark;
  }

  #node(node: TemplateNode, dot: Found): void {
    spend(2);
    switch (node.kind) {
      case "text":
        this.#write(node.text);
        return;
      case "print": {
        const value = this.#pipeline(node.pipeline, dot);
        if (node.pipeline.variables.length === 0) this.#write(printed(value));
        return;
      }
      case "if":
      case "with": {
        const mark = this.#variables.length;
        const value = this.#pipeline(node.pipeline, dot);
        if (isTrue(value)) this.render(node.body, node.kind === "with" ? value : dot);
        else this.render(node.otherwise, dot);
        this.#variables.length = mark;
        return;
      }
      case "range":
        this.#range(node, dot);
        return;
      case "break":
      case "continue":
        throw new Jump(node.kind);
    }
  }

  #write(text: string): void {
    this.output += text;
    spend(text.length >> 4);
    if (this.output.length > meter.textCharsMax) throw new LimitExceeded("text_chars");
  }

  #range(node: Extract<TemplateNode, { pipeline: Pipeline; body: TemplateNode[] }>, dot: Found): void {
    const { variables, commands } = node.pipeline;
    const collection = this.#commands(commands, dot);
    const entries = entriesOf(collection);
    if (entries.length === 0) {
      this.render(node.otherwise, dot);
      return;
    }
    const mark = this.#variables.length;
    for (const [key, value] of entries) {
      this.#variables.length = mark;
      const bound: [string, Found][] =
        variables.length === 2
          ? [
              [variables[0] ?? "", key],
              [variables[1] ?? "", value],
            ]
          : variables.map((name) => [name, value]);
      for (const [name, member] of bound) this.#bind(name, member, node.pipeline.declare);
      try {
        this.render(node.body, value);
      } catch (error) {
        if (!(error instanceof Jump)) throw error;
        if (error.kind === "break") break;
      }
    }
    this.#variables.length = mark;
  }

  #bind(name: string, value: Found, declare: boolean): void {
    const known = declare ? undefined : this.#variables.findLast(([other]) => other === name);
    if (known !== undefined) known[1] = value;
    else if (declare) this.#variables.push([name, value]);
    else throw builtinError(`template: undefined variable ${name}`);
  }

  #pipeline(pipeline: Pipeline, dot: Found): Found {
    const value = this.#commands(pipeline.commands, dot);
    for (const name of pipeline.variables) this.#bind(name, value, pipeline.declare);
    return value;
  }

  /** The result of each command is the last argument of the next. */
  #commands(commands: readonly Operand[][], dot: Found): Found {
    let result: Found;
    for (const [at, [first, ...rest]] of commands.entries()) {
      if (first === undefined) continue;
      const piped = at > 0 ? [result] : [];
      if (first.kind === "function") result = this.#call(first.name, rest, piped, dot);
      else if (rest.length > 0 || piped.length > 0) throw builtinError("template: can't give argument to non-function");
      else result = this.#operand(first, dot);
    }
    return result;
  }

  /** `and` and `or` look at no more arguments than they need. */
  #call(name: string, operands: readonly Operand[], piped: readonly Found[], dot: Found): Found {
    spend(2);
    if (name === "and" || name === "or") {
      let value: Found;
      const thunks = [
        ...operands.map((operand) => () => this.#operand(operand, dot)),
        ...piped.map((given) => () => given),
      ];
      for (const thunk of thunks) {
        value = thunk();
        if (isTrue(value) === (name === "or")) break;
      }
      return value;
    }
    const run = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
    if (run === undefined) throw builtinError(`template: function "${name}" not defined`);
    return run([...operands.map((operand) => this.#operand(operand, dot)), ...piped]);
  }

  #operand(operand: Operand, dot: Found): Found {
    switch (operand.kind) {
      case "literal":
        return operand.value;
      case "field":
        return follow(dot, operand.path);
      case "variable": {
        const known = this.#variables.findLast(([name]) => name === operand.name);
        if (known === undefined) throw builtinError(`template: undefined variable ${operand.name}`);
        return follow(known[1], operand.path);
      }
      case "pipeline":
        return follow(this.#commands(operand.pipeline.commands, dot), operand.path);
      case "function":
        return this.#call(operand.name, [], [], dot);
    }
  }
}

function entriesOf(collection: Found): [Value, Value][] {
  if (collection === undefined || collection === null) return [];
  if (collection instanceof OObject) return [...collection.entries()];
  if (collection instanceof OSet) return collection.sorted().map((value, at) => [at, value]);
  if (Array.isArray(collection)) return collection.map((value, at) => [at, value]);
  throw builtinError("template: range can't iterate over a scalar");
}

/** Members along a path; absent ones stay absent, other values have no members. */
function follow(value: Found, path: readonly string[]): Found {
  let current = value;
  for (const name of path) {
    if (current === undefined || current === null) throw builtinError(`template: nil pointer evaluating .${name}`);
    if (!(current instanceof OObject)) throw builtinError(`template: can't evaluate field ${name}`);
    current = current.get(name);
  }
  return current;
}

function render(args: readonly Value[]): string {
  const [source, variables] = [string(args, 0), textual(object(args, 1))];
  spendText(source.length);
  const renderer = new Renderer(variables);
  renderer.render(parseTemplate(source), variables);
  return renderer.output.replaceAll("<no value>", "<undefined>");
}

export const TEMPLATE: Family = { "strings.render_template": builtin(2, render) };
