/** A small change of a statement, of which Stryker sees one text that it can only leave empty. */
export interface SqlChange {
  /** Where in the file, in characters. */
  start: number;
  end: number;
  replacement: string;
}

interface Rule {
  of: RegExp;
  to: (found: RegExpExecArray) => string;
  /** Whether it is one here, by the statement in front of it. */
  where?: (before: string) => boolean;
}

/** What stands last in front of a comparison: behind SET it is an assignment. */
const CLAUSE = /\b(SELECT|SET|WHERE|ON|AND|OR|WHEN|CASE|HAVING)\b/g;
const compares = (before: string): boolean => [...before.matchAll(CLAUSE)].at(-1)?.[1] !== "SET";

const RULES: readonly Rule[] = [
  { of: /\bAND\b/g, to: () => "OR" },
  { of: /(?<!INSERT )\bOR\b/g, to: () => "AND" },
  { of: /\bIS NULL\b/g, to: () => "IS NOT NULL" },
  { of: /\bIS NOT NULL\b/g, to: () => "IS NULL" },
  { of: /\bNOT (EXISTS|IN|LIKE)\b/g, to: ([, word = ""]) => word },
  { of: /(?<!NOT )\bEXISTS\b/g, to: () => "NOT EXISTS" },
  { of: /([\w.]*) <= /g, to: ([, left = ""]) => `${left} < ` },
  { of: /([\w.]*) >= /g, to: ([, left = ""]) => `${left} > ` },
  { of: /([\w.]*) < /g, to: ([, left = ""]) => `${left} <= ` },
  { of: /([\w.]*) > /g, to: ([, left = ""]) => `${left} >= ` },
  { of: /([\w.]*) <> /g, to: ([, left = ""]) => `${left} = ` },
  { of: /([\w.]*) = /g, to: ([, left = ""]) => `${left} <> `, where: compares },
  { of: /\bexcluded\.(\w+)/g, to: ([, column = ""]) => column },
  { of: / \+ /g, to: () => " - " },
  { of: / - /g, to: () => " + " },
  { of: /\bmax\(/g, to: () => "min(" },
  { of: /\bmin\(/g, to: () => "max(" },
  { of: / DESC\b/g, to: () => "" },
  { of: /\bORDER BY [\w.]+(?! DESC)\b/g, to: ([order]) => `${order} DESC` },
  { of: /\bLEFT JOIN\b/g, to: () => "JOIN" },
  { of: /\bINSERT OR REPLACE\b/g, to: () => "INSERT OR IGNORE" },
];

const STATEMENT = /\b(SELECT|INSERT|UPDATE|DELETE|WHERE|ORDER BY|AND|IS NULL|IS NOT NULL)\b/;
const DEFINITION = /^\s*(CREATE|ALTER|DROP|PRAGMA)\b/;

/** Every change of every statement of a file, in the order of the rules. */
export function sqlChanges(source: string): SqlChange[] {
  return textsOf(source).flatMap(({ start, text }) => {
    if (!STATEMENT.test(text) || DEFINITION.test(text)) return [];
    return RULES.flatMap(({ of, to, where }) =>
      [...text.matchAll(of)].flatMap((found): SqlChange[] => {
        if (where && !where(text.slice(0, found.index))) return [];
        const from = start + found.index;
        return [{ start: from, end: from + found[0].length, replacement: to(found) }];
      }),
    );
  });
}

/** Comments, and texts in each kind of quotes; what a template inserts is no part of its text. */
const TOKEN = /\/\/.*|\/\*[\s\S]*?\*\/|"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)'|`((?:[^`\\]|\\.)*)`/g;

function textsOf(source: string): { start: number; text: string }[] {
  return [...source.matchAll(TOKEN)].flatMap((token) => {
    const [whole, double, single, template] = token;
    const text = double ?? single ?? template;
    if (text === undefined || whole.length < 2) return [];
    return [{ start: token.index + 1, text: text.replace(/\$\{[^}]*\}/g, (code) => "\0".repeat(code.length)) }];
  });
}
