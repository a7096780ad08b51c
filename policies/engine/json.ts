import { err, ok, type Result } from "../../shared/contracts/result.ts";
import { EXPONENT_MAX } from "./decimal.ts";
import { spend } from "./meter.ts";
import { Num, numberOf, numberText, OObject, OSet, type Value } from "./value.ts";

/** Deeper documents are refused instead of exhausting the stack. */
export const DEPTH_MAX = 512;

/** A text or document that is not JSON, or too deep. */
export interface JsonRefusal {
  reason: "not_json" | "too_deep";
  detail: string;
}

class NotJson extends Error {
  readonly reason: JsonRefusal["reason"];
  constructor(reason: JsonRefusal["reason"], detail: string) {
    super(detail);
    this.reason = reason;
  }
}

const refused = <T>(body: () => T): Result<T, JsonRefusal> => {
  try {
    return ok(body());
  } catch (error) {
    if (error instanceof NotJson) return err({ reason: error.reason, detail: error.message });
    throw error;
  }
};

/** The value of an already parsed JSON document. Numbers denote what `String` prints of them. */
export const fromJson = (json: unknown): Result<Value, JsonRefusal> => refused(() => convert(json, 0));

function convert(json: unknown, depth: number): Value {
  if (depth > DEPTH_MAX) throw new NotJson("too_deep", "document is too deep");
  switch (typeof json) {
    case "string":
      return json.isWellFormed() ? json : json.toWellFormed();
    case "boolean":
      return json;
    case "number":
      if (!Number.isFinite(json)) throw new NotJson("not_json", "number is not finite");
      return json;
    case "object": {
      if (json === null) return null;
      if (Array.isArray(json)) return json.map((element) => convert(element, depth + 1));
      const object = new OObject();
      for (const key of Object.keys(json)) {
        const value = Reflect.get(json, key);
        if (value !== undefined) object.set(key.isWellFormed() ? key : key.toWellFormed(), convert(value, depth + 1));
      }
      return object;
    }
    default:
      throw new NotJson("not_json", `a ${typeof json} is no JSON`);
  }
}

/** The plain document of a value: sets become arrays, other keys their JSON text, long numbers the nearest double. */
export function toJson(value: Value): unknown {
  spend(1);
  if (value === null || typeof value !== "object") return value;
  if (value instanceof Num) return Number(value.text);
  if (Array.isArray(value)) return value.map(toJson);
  if (value instanceof OSet) return value.sorted().map(toJson);
  const entries: [string, unknown][] = [];
  for (const [key, member] of value.entries()) entries.push([jsonKey(key), toJson(member)]);
  return Object.fromEntries(entries);
}

export const jsonKey = (key: Value): string => (typeof key === "string" ? key : toJsonText(key));

/** Compact JSON with sorted keys and the numbers' own text, escaped as Go escapes it for HTML unless told not to. */
export function toJsonText(value: Value): string {
  spend(1);
  if (value === null) return "null";
  switch (typeof value) {
    case "boolean":
      return String(value);
    case "number":
      return numberText(value);
    case "string":
      return jsonString(value);
    default:
      if (value instanceof Num) return value.text;
      if (Array.isArray(value)) return `[${value.map(toJsonText).join(",")}]`;
      if (value instanceof OSet) return `[${value.sorted().map(toJsonText).join(",")}]`;
      return `{${memberTexts(value).join(",")}}`;
  }
}

function memberTexts(object: OObject): string[] {
  const members: [string, string][] = [];
  for (const [key, value] of object.entries()) members.push([jsonKey(key), toJsonText(value)]);
  return members.map(([key, text]) => `${jsonString(key)}:${text}`);
}

const HTML: Record<string, string> = {
  "<": "\\u003c",
  ">": "\\u003e",
  "&": "\\u0026",
  "\u2028": "\\u2028",
  "\u2029": "\\u2029",
};

/** One JSON string; bytes that are no UTF-8 become U+FFFD. */
export const jsonString = (text: string): string =>
  JSON.stringify(text.toWellFormed()).replace(/[<>&\u2028\u2029]/g, (character) => HTML[character] ?? character);

/** Parses JSON text exactly: the text of every number is kept. Repeated members: the last one counts. */
export const parseJson = (text: string): Result<Value, JsonRefusal> => refused(() => new Parser(text).document());

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const PLAIN = /[^"\\]*/y;
const hasControl = (text: string): boolean => /\p{Cc}/u.test(text) && [...text].some((character) => character < " ");
/** Whether OPA has such a number at all. */
const isTooLong = (number: string): boolean => Math.abs(Number(/[eE](.*)$/.exec(number)?.[1] ?? 0)) > EXPONENT_MAX;
const SPACE = /[ \t\r\n]*/y;
const ESCAPES: Record<string, string> = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

class Parser {
  readonly #text: string;
  #at = 0;
  constructor(text: string) {
    this.#text = text;
  }
  document(): Value {
    const value = this.#value(0);
    this.#space();
    if (this.#at < this.#text.length) this.#fail();
    return value;
  }
  #fail(): never {
    throw new NotJson("not_json", `invalid JSON at character ${this.#at}`);
  }
  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? "";
    this.#at += found.length;
    return found;
  }
  #space(): void {
    this.#match(SPACE);
  }
  #take(character: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }
  #word(word: string, value: Value): Value {
    if (!this.#text.startsWith(word, this.#at)) this.#fail();
    this.#at += word.length;
    return value;
  }
  #value(depth: number): Value {
    if (depth > DEPTH_MAX) throw new NotJson("too_deep", "document is too deep");
    spend(1);
    this.#space();
    switch (this.#text[this.#at]) {
      case '"':
        return this.#string();
      case "{":
        return this.#object(depth);
      case "[":
        return this.#array(depth);
      case "t":
        return this.#word("true", true);
      case "f":
        return this.#word("false", false);
      case "n":
        return this.#word("null", null);
      default: {
        const number = this.#match(NUMBER);
        return number === "" || isTooLong(number) ? this.#fail() : numberOf(number);
      }
    }
  }
  #object(depth: number): OObject {
    this.#at++;
    const object = new OObject();
    if (this.#take("}")) return object;
    do {
      this.#space();
      if (this.#text[this.#at] !== '"') this.#fail();
      const key = this.#string();
      if (!this.#take(":")) this.#fail();
      object.set(key, this.#value(depth + 1));
    } while (this.#take(","));
    return this.#take("}") ? object : this.#fail();
  }
  #array(depth: number): Value[] {
    this.#at++;
    const array: Value[] = [];
    if (this.#take("]")) return array;
    do array.push(this.#value(depth + 1));
    while (this.#take(","));
    return this.#take("]") ? array : this.#fail();
  }
  #string(): string {
    this.#at++;
    let text = "";
    for (;;) {
      const plain = this.#match(PLAIN);
      if (hasControl(plain)) this.#fail();
      text += plain;
      const next = this.#text[this.#at++];
      if (next === '"') return text.isWellFormed() ? text : text.toWellFormed();
      if (next !== "\\") this.#fail();
      text += this.#escape();
    }
  }
  #escape(): string {
    const letter = this.#text[this.#at++] ?? "";
    if (letter !== "u") return ESCAPES[letter] ?? this.#fail();
    const hex = this.#text.slice(this.#at, this.#at + 4);
    if (!/^[0-9a-fA-F]{4}$/.test(hex)) this.#fail();
    this.#at += 4;
    return String.fromCharCode(Number.parseInt(hex, 16));
  }
}
