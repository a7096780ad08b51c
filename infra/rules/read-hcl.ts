/** What is between the braces of a block or object: literals, lists, objects; `undefined` where a value is not known here. */
export type HclValue = string | number | boolean | null | HclValue[] | { [name: string]: HclValue } | undefined;

export interface HclBlock {
  type: string;
  labels: string[];
  attributes: Record<string, HclValue>;
  blocks: HclBlock[];
}

const TOKEN =
  /\s+|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\/|("(?:[^"\\$]|\\.|\$(?!\{)|\$\{[^}]*\})*")|([A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*|\[[^\]\n]*\])*)|(\d+(?:\.\d+)?)|([{}[\](),=?:*+/<>!&|-])/y;

/**
 * Reads the part of HCL that modules of plain settings are written in: blocks, literals, lists, objects, `var.…`,
 * templates of those, products. Any other expression is `undefined`, and text that is no HCL throws with its line.
 */
export function readHcl(text: string, variables: Readonly<Record<string, HclValue>>): HclBlock[] {
  const tokens = tokenise(text);
  let at = 0;
  const peek = () => tokens[at]?.text;
  const fail = (wanted: string): never => {
    throw new SyntaxError(`line ${tokens[at]?.line ?? "last"}: ${wanted} is expected, not ${peek() ?? "the end"}`);
  };
  const take = (wanted: string): void => {
    if (peek() !== wanted) fail(wanted);
    at++;
  };

  function body(end: string | undefined): Pick<HclBlock, "attributes" | "blocks"> {
    const found: Pick<HclBlock, "attributes" | "blocks"> = { attributes: {}, blocks: [] };
    while (peek() !== end) {
      const name = tokens[at++];
      if (name?.kind !== "name") fail("a name");
      if (name === undefined) break;
      if (peek() === "=") {
        at++;
        found.attributes[name.text] = expression(name.line);
      } else found.blocks.push(block(name.text));
    }
    return found;
  }

  function block(type: string): HclBlock {
    const labels: string[] = [];
    while (tokens[at]?.kind === "text") labels.push(JSON.parse(tokens[at++]?.text ?? '""'));
    take("{");
    const inside = body("}");
    take("}");
    return { type, labels, ...inside };
  }

  /** An operand, and whatever follows it on its line: only a product of known numbers keeps a value. */
  function expression(line: number): HclValue {
    let value = operand();
    while (tokens[at] && !/^[,}\])]$/.test(tokens[at]?.text ?? "") && continues(line)) {
      const operator = tokens[at++]?.text;
      const other = operand();
      value = operator === "*" && typeof value === "number" && typeof other === "number" ? value * other : undefined;
    }
    return value;
  }
  const continues = (line: number) => tokens[at]?.line === line && tokens[at]?.kind === "sign";

  function operand(): HclValue {
    const token = tokens[at++];
    switch (token?.kind) {
      case "text":
        return template(token.text);
      case "number":
        return Number(token.text);
      case "name":
        if (peek() === "(") return skipCall();
        if (token.text === "true" || token.text === "false") return token.text === "true";
        if (token.text === "null") return null;
        return token.text.startsWith("var.") ? variables[token.text.slice(4)] : undefined;
      case "sign":
        if (token.text === "[") return list();
        if (token.text === "{") return object();
    }
    at--;
    return fail("a value");
  }

  function template(quoted: string): HclValue {
    let known = true;
    const filled = quoted.replace(/\$\{\s*([^}]*?)\s*\}/g, (_, inner: string) => {
      const value = inner.startsWith("var.") ? variables[inner.slice(4)] : undefined;
      if (typeof value !== "string" && typeof value !== "number") known = false;
      return String(value);
    });
    return known ? (JSON.parse(filled) as string) : undefined; // safe because: a quoted text parses to a text
  }

  function list(): HclValue[] {
    const items: HclValue[] = [];
    while (peek() !== "]") {
      items.push(expression(tokens[at]?.line ?? 0));
      if (peek() === ",") at++;
    }
    take("]");
    return items;
  }

  function object(): { [name: string]: HclValue } {
    const members: { [name: string]: HclValue } = {};
    while (peek() !== "}") {
      const name = tokens[at++];
      if (name === undefined) return fail("}");
      take("=");
      members[name.kind === "text" ? JSON.parse(name.text) : name.text] = expression(name.line);
      if (peek() === ",") at++;
    }
    take("}");
    return members;
  }

  function skipCall(): undefined {
    for (let depth = 0; at < tokens.length; ) {
      const sign = tokens[at++]?.text;
      if (sign === "(") depth++;
      if (sign === ")" && --depth === 0) return undefined;
    }
    return fail(")");
  }

  const { blocks } = body(undefined);
  return blocks;
}

interface Token {
  kind: "text" | "name" | "number" | "sign";
  text: string;
  line: number;
}

function tokenise(text: string): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const from = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (match === null) throw new SyntaxError(`line ${line}: ${JSON.stringify(text.slice(from, from + 12))} is no HCL`);
    const kind = (["text", "name", "number", "sign"] as const)[
      [1, 2, 3, 4].findIndex((group) => match[group] !== undefined)
    ];
    if (kind !== undefined) tokens.push({ kind, text: match[0], line });
    line += match[0].split("\n").length - 1;
  }
  return tokens;
}
