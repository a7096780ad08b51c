import { numberOf, OObject, OSet, type Value } from "./value.ts";

/** Reads a ground Rego term as conformance cases write their input: JSON with sets, other keys and trailing commas. */
export function parseTerm(text: string): Value {
  const tokens = [...text.matchAll(/\s*("(?:[^"\\]|\\.)*"|set\(\)|[[\]{}:,]|[^\s[\]{}:,]+)/gy)].map(
    ([, token = ""]) => token,
  );
  let at = 0;
  const list = (close: string, item: () => void): void => {
    while (tokens[at] !== close) {
      item();
      if (tokens[at] === ",") at++;
    }
    at++;
  };
  const term = (): Value => {
    const token = tokens[at++];
    if (token === undefined) throw new Error(`incomplete term: ${text}`);
    if (token === "[") {
      const elements: Value[] = [];
      list("]", () => elements.push(term()));
      return elements;
    }
    if (token === "{") return braces();
    if (token === "set()") return new OSet();
    if (token.startsWith('"')) return String(JSON.parse(token));
    if (token === "null") return null;
    if (token === "true" || token === "false") return token === "true";
    return numberOf(token);
  };
  const braces = (): Value => {
    const object = new OObject();
    const set = new OSet();
    list("}", () => {
      const first = term();
      if (tokens[at] !== ":") return set.add(first);
      at++;
      object.set(first, term());
    });
    return set.size > 0 ? set : object;
  };
  return term();
}
