import { builtinError } from "../failure.ts";
import { spend } from "../meter.ts";

/** An operand of a command: literals, `.a.b`, `$x.a`, functions and pipelines in parentheses. */
export type Operand =
  | { kind: "literal"; value: string | number | boolean | null }
  | { kind: "field"; path: string[] }
  | { kind: "variable"; name: string; path: string[] }
  | { kind: "function"; name: string }
  | { kind: "pipeline"; pipeline: Pipeline; path: string[] };
export interface Pipeline {
  /** Variables that take the result; `declare` makes them, else they are set. */
  variables: string[];
  declare: boolean;
  commands: Operand[][];
}
export type TemplateNode =
  | { kind: "text"; text: string }
  | { kind: "print"; pipeline: Pipeline }
  | { kind: "if" | "with" | "range"; pipeline: Pipeline; body: TemplateNode[]; otherwise: TemplateNode[] }
  | { kind: "break" | "continue" };

const ACTION =
  /\{\{(- )?((?:"(?:[^"\\\n]|\\.)*"|`[^`]*`|\/\*[\s\S]*?\*\/|'(?:[^'\\\n]|\\.)*'|(?!\}\}|["`']| -\}\}).)*)( -)?\}\}/gsy;
const TOKEN =
  /\s*("(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\\n]|\\.)'|:=|[=|(),]|\$\w*(?:\.\w+)*|(?:\.[A-Za-z_]\w*)+|\.|[+-]?\d[\w.]*|[A-Za-z_]\w*)/y;
const NESTING_MAX = 64;

type Piece = { text: string } | { action: string };

/** Text and actions, spaces trimmed where an action asks for it. */
function pieces(source: string): Piece[] {
  const found: Piece[] = [];
  let trimNext = false;
  for (let at = 0; at <= source.length; ) {
    const open = source.indexOf("{{", at);
    let text = source.slice(at, open < 0 ? undefined : open);
    if (trimNext) text = text.replace(/^[ \t\r\n]+/, "");
    if (open < 0) {
      found.push({ text });
      break;
    }
    ACTION.lastIndex = open;
    const match = ACTION.exec(source);
    if (match === null) throw builtinError("template: unclosed action");
    const [whole, trimBefore, action = "", trimAfter] = match;
    found.push({ text: trimBefore === undefined ? text : text.replace(/[ \t\r\n]+$/, "") });
    if (!/^\s*\/\*[\s\S]*\*\/\s*$/.test(action)) found.push({ action: action.trim() });
    trimNext = trimAfter !== undefined;
    at = open + whole.length;
  }
  return found;
}

/** Go's `text/template`, without definitions of further templates. */
export function parseTemplate(source: string): TemplateNode[] {
  const parser = new TemplateParser(pieces(source));
  return parser.run();
}

class TemplateParser {
  readonly #pieces: Piece[];
  #at = 0;
  constructor(found: Piece[]) {
    this.#pieces = found;
  }

  run(): TemplateNode[] {
    const { nodes, end } = this.#list(0, false);
    if (end !== undefined) throw builtinError(`template: unexpected {{${end}}}`);
    return nodes;
  }

  /** Nodes up to the action that ends them. */
  #list(depth: number, inRange: boolean): { nodes: TemplateNode[]; end: string | undefined } {
    if (depth > NESTING_MAX) throw builtinError("template: nested too deeply");
    const nodes: TemplateNode[] = [];
    for (let piece = this.#pieces[this.#at]; piece !== undefined; piece = this.#pieces[this.#at]) {
      this.#at++;
      spend(1);
      if ("text" in piece) {
        if (piece.text !== "") nodes.push({ kind: "text", text: piece.text });
        continue;
      }
      const [, word = "", rest = ""] =
        /^(if|with|range|else|end|break|continue|define|template|block)\b\s*([\s\S]*)$/.exec(piece.action) ?? [];
      if (word === "else" || word === "end") return { nodes, end: piece.action };
      if (word === "if" || word === "with" || word === "range") nodes.push(this.#control(word, rest, depth, inRange));
      else if ((word === "break" || word === "continue") && rest === "" && inRange) nodes.push({ kind: word });
      else if (word !== "") throw builtinError(`template: ${word} is not supported here`);
      else nodes.push({ kind: "print", pipeline: parsePipeline(piece.action) });
    }
    return { nodes, end: undefined };
  }

  #control(kind: "if" | "with" | "range", source: string, depth: number, inRange: boolean): TemplateNode {
    const pipeline = parsePipeline(source);
    const { nodes: body, end } = this.#list(depth + 1, inRange || kind === "range");
    if (end === undefined) throw builtinError("template: unexpected EOF");
    if (end === "end") return { kind, pipeline, body, otherwise: [] };
    const chained = /^else\s+(if|with)\b\s*([\s\S]*)$/.exec(end);
    if (chained?.[1] === kind && kind !== "range") {
      return { kind, pipeline, body, otherwise: [this.#control(kind, chained[2] ?? "", depth + 1, inRange)] };
    }
    if (end !== "else") throw builtinError(`template: unexpected {{${end}}}`);
    const otherwise = this.#list(depth + 1, inRange);
    if (otherwise.end !== "end") throw builtinError("template: expected end");
    return { kind, pipeline, body, otherwise: otherwise.nodes };
  }
}

function tokensOf(source: string): string[] {
  const tokens: string[] = [];
  for (let at = 0; source.slice(at).trim() !== ""; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(source)?.[1];
    if (token === undefined) throw builtinError("template: unexpected character in action");
    tokens.push(token);
  }
  return tokens;
}

function parsePipeline(source: string): Pipeline {
  const tokens = tokensOf(source);
  const assign = tokens.findIndex((token) => token === ":=" || token === "=");
  const variables = tokens.slice(0, Math.max(assign, 0)).filter((token) => token !== ",");
  if (variables.length > 2 || variables.some((name) => !/^\$\w+$/.test(name)))
    throw builtinError("template: malformed assignment");
  const rest = tokens.slice(assign + 1);
  const pipeline = { variables, declare: tokens[assign] === ":=", commands: commands(rest, 0) };
  if (rest.length > 0) throw builtinError("template: unexpected )");
  return pipeline;
}

/** Commands up to a closing parenthesis; takes what it reads from the tokens. */
function commands(tokens: string[], depth: number): Operand[][] {
  if (depth > NESTING_MAX) throw builtinError("template: nested too deeply");
  const found: Operand[][] = [[]];
  for (let token = tokens[0]; token !== undefined && token !== ")"; token = tokens[0]) {
    tokens.shift();
    if (token === "|") found.push([]);
    else found.at(-1)?.push(operand(token, tokens, depth));
  }
  if (found.some((command) => command.length === 0)) throw builtinError("template: missing value for command");
  return found;
}

const names = (token: string): string[] =>
  token
    .split(".")
    .slice(1)
    .filter((part) => part !== "");

function operand(token: string, tokens: string[], depth: number): Operand {
  if (token === "(") {
    const inner = commands(tokens, depth + 1);
    if (tokens.shift() !== ")") throw builtinError("template: unclosed left paren");
    const path = tokens[0]?.startsWith(".") === true && tokens[0] !== "." ? names(tokens.shift() ?? "") : [];
    return { kind: "pipeline", pipeline: { variables: [], declare: false, commands: inner }, path };
  }
  if (token.startsWith(".")) return { kind: "field", path: names(token) };
  if (token.startsWith("$")) return { kind: "variable", name: token.split(".")[0] ?? "$", path: names(token) };
  return literal(token);
}

function literal(token: string): Operand {
  if (token.startsWith('"')) return { kind: "literal", value: unquoted(token) };
  if (token.startsWith("`")) return { kind: "literal", value: token.slice(1, -1) };
  if (token.startsWith("'")) return { kind: "literal", value: unquoted(`"${token.slice(1, -1)}"`).codePointAt(0) ?? 0 };
  if (token === "true" || token === "false") return { kind: "literal", value: token === "true" };
  if (token === "nil") return { kind: "literal", value: null };
  if (/^[+-]?\d/.test(token)) {
    const value = Number(token.replaceAll("_", ""));
    if (!Number.isFinite(value)) throw builtinError("template: bad number syntax");
    return { kind: "literal", value };
  }
  if (!/^[A-Za-z_]\w*$/.test(token)) throw builtinError("template: unexpected token");
  return { kind: "function", name: token };
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", a: "\u0007", b: "\b", f: "\f", v: "\v" };

const unquoted = (token: string): string =>
  token
    .slice(1, -1)
    .replace(/\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))/g, (_whole, short?: string, long?: string, letter = "") => {
      const hex = short ?? long;
      return hex === undefined ? (ESCAPES[letter] ?? letter) : String.fromCharCode(Number.parseInt(hex, 16));
    });
