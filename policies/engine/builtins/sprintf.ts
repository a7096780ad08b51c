import { LIMITS } from "../../../shared/contracts/limits.ts";
import { builtinError } from "../failure.ts";
import { spendText } from "../meter.ts";
import { quoted, regoText } from "../rego-text.ts";
import { encodeUtf8 } from "../utf8.ts";
import { bigintOf, isNumber, numberText, type Value } from "../value.ts";
import { formatFloat } from "./go-float.ts";
import { points } from "./operands.ts";

/** What Go's `fmt` sees of a Rego value: integers, doubles, and text for everything else. */
type Argument =
  | { type: "int64" | "*big.Int"; value: bigint }
  | { type: "float64"; value: number }
  | { type: "string"; value: string };

function argumentOf(value: Value): Argument {
  if (typeof value === "string") return { type: "string", value };
  if (!isNumber(value)) return { type: "string", value: regoText(value) };
  const text = numberText(value);
  if (/[.eE]/.test(text)) {
    const double = Number(text);
    return Number.isFinite(double) ? { type: "float64", value: double } : { type: "string", value: text };
  }
  const integer = bigintOf(value) ?? 0n;
  return { type: BigInt.asIntN(64, integer) === integer ? "int64" : "*big.Int", value: integer };
}

interface Directive {
  plus: boolean;
  minus: boolean;
  sharp: boolean;
  space: boolean;
  zero: boolean;
  width: number | undefined;
  precision: number | undefined;
}

function padded(text: string, { minus, zero, width }: Directive, mayZero: boolean): string {
  const missing = (width ?? 0) - points(text).length;
  if (missing <= 0) return text;
  spendText(missing);
  if (minus) return text + " ".repeat(missing);
  if (!(zero && mayZero)) return " ".repeat(missing) + text;
  const sign = /^[+\- ]/.exec(text)?.[0] ?? "";
  return sign + "0".repeat(missing) + text.slice(sign.length);
}

const BASES: Record<string, number> = { d: 10, v: 10, b: 2, o: 8, O: 8, x: 16, X: 16 };

function formatInteger(value: bigint, verb: string, directive: Directive): string | undefined {
  const base = BASES[verb];
  if (base === undefined) return formatRune(value, verb, directive);
  let digits = (value < 0n ? -value : value).toString(base);
  const { precision } = directive;
  if (precision === 0 && value === 0n) return padded("", { ...directive, zero: false }, false);
  if (precision !== undefined) digits = digits.padStart(precision, "0");
  const prefix =
    verb === "O"
      ? "0o"
      : directive.sharp
        ? ({ b: "0b", o: digits.startsWith("0") ? "" : "0", x: "0x", X: "0X" }[verb] ?? "")
        : "";
  if (directive.zero && !directive.minus && precision === undefined && directive.width !== undefined) {
    // Go pads the digits to the width less the sign and sets the prefix before them.
    const signed = value < 0n || directive.plus || directive.space ? 1 : 0;
    digits = digits.padStart(directive.width - signed, "0");
  }
  const sign = value < 0n ? "-" : directive.plus ? "+" : directive.space ? " " : "";
  const body = sign + prefix + (verb === "X" ? digits.toUpperCase() : digits);
  return padded(body, directive, false);
}

function formatRune(value: bigint, verb: string, directive: Directive): string | undefined {
  const code = value >= 0n && value <= 0x10ffffn && !(value >= 0xd800n && value <= 0xdfffn) ? Number(value) : 0xfffd;
  switch (verb) {
    case "c":
      return padded(String.fromCodePoint(code), directive, true);
    case "q":
      return padded(quotedRune(code), directive, true);
    case "U": {
      const hex = BigInt.asUintN(64, value)
        .toString(16)
        .toUpperCase()
        .padStart(Math.max(4, directive.precision ?? 0), "0");
      return padded(`U+${hex}${directive.sharp ? ` '${String.fromCodePoint(code)}'` : ""}`, directive, false);
    }
    default:
      return undefined;
  }
}

function quotedRune(code: number): string {
  const character = String.fromCodePoint(code);
  if (character === "'") return "'\\''";
  if (character === '"') return `'"'`;
  return `'${quoted(character).slice(1, -1)}'`;
}

/** A raw string literal can hold it: no backquote, no control character but the tab. */
const isRaw = (text: string): boolean => !text.includes("`") && !/\p{Cc}/u.test(text.replaceAll("\t", ""));

function formatString(value: string, verb: string, directive: Directive): string | undefined {
  const { precision, sharp, plus } = directive;
  const cut = precision === undefined ? value : points(value).slice(0, precision).join("");
  switch (verb) {
    case "s":
    case "v":
      return padded(verb === "v" && sharp ? quoted(value) : cut, directive, true);
    case "q":
      return padded(sharp && isRaw(cut) ? `\`${cut}\`` : quoted(cut, plus), directive, true);
    case "x":
    case "X":
      return padded(hexOf(value, verb, directive), directive, true);
    default:
      return undefined;
  }
}

function hexOf(value: string, verb: string, { precision, sharp, space }: Directive): string {
  const bytes = [...encodeUtf8(value)].slice(0, precision).map((byte) => byte.toString(16).padStart(2, "0"));
  const prefix = sharp ? "0x" : "";
  const text = bytes.length === 0 ? "" : prefix + bytes.join(space ? ` ${prefix}` : "");
  return verb === "X" ? text.toUpperCase() : text;
}

function formatArgument(argument: Argument, verb: string, directive: Directive): string {
  let text: string | undefined;
  if (verb === "T") return padded(argument.type, directive, true);
  switch (argument.type) {
    case "string":
      text = formatString(argument.value, verb, directive);
      break;
    case "float64":
      text = "eEfFgGvbxX".includes(verb)
        ? padded(formatFloat(argument.value, verb, directive), directive, true)
        : undefined;
      break;
    default:
      // Go's big integers know fewer verbs than its others, and `s` besides.
      if (argument.type === "int64" || "bdoOxXv".includes(verb)) text = formatInteger(argument.value, verb, directive);
      else if (verb === "s") text = formatInteger(argument.value, "d", directive);
  }
  if (text !== undefined) return text;
  // Flags and width hold for the value inside the mark too.
  return `%!${verb}(${argument.type}=${formatArgument(argument, "v", directive)})`;
}

/** Go's `fmt.Sprintf` over the values as OPA hands them to it, with Go's in-band marks for mistakes. */
export function sprintf(format: string, values: readonly Value[]): string {
  spendText(format.length);
  const printer = new Printer(format, values.map(argumentOf));
  return printer.print();
}

class Printer {
  readonly #format: string;
  readonly #args: readonly Argument[];
  #at = 0;
  #arg = 0;
  #reordered = false;
  #goodIndex = true;

  constructor(format: string, args: readonly Argument[]) {
    this.#format = format;
    this.#args = args;
  }

  print(): string {
    let result = "";
    this.#reordered = false;
    while (this.#at < this.#format.length) {
      const next = this.#format.indexOf("%", this.#at);
      if (next < 0) {
        result += this.#format.slice(this.#at);
        break;
      }
      result += this.#format.slice(this.#at, next);
      this.#at = next + 1;
      result += this.#directive();
      spendText(result.length >> 8);
    }
    return result + this.#extra();
  }

  #extra(): string {
    if (this.#reordered || this.#arg >= this.#args.length) return "";
    const shown = this.#args
      .slice(this.#arg)
      .map(
        (argument) =>
          `${argument.type}=${String(argument.type === "float64" ? formatArgument(argument, "v", this.#flags("")) : argument.value)}`,
      );
    return `%!(EXTRA ${shown.join(", ")})`;
  }

  #flags(flags: string): Directive {
    return {
      plus: flags.includes("+"),
      minus: flags.includes("-"),
      sharp: flags.includes("#"),
      space: flags.includes(" "),
      zero: flags.includes("0") && !flags.includes("-"),
      width: undefined,
      precision: undefined,
    };
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#format)?.[0] ?? "";
    this.#at += found.length;
    return found;
  }

  /** `[n]` picks an argument. */
  #index(): boolean {
    if (this.#format[this.#at] !== "[") return false;
    this.#reordered = true;
    const close = this.#format.indexOf("]", this.#at);
    const digits = close < 0 ? "" : this.#format.slice(this.#at + 1, close);
    this.#at = close < 0 ? this.#at + 1 : close + 1;
    const index = Number(digits) - 1;
    if (!/^\d+$/.test(digits) || index < 0 || index >= this.#args.length) {
      this.#goodIndex = false;
      return true;
    }
    this.#arg = index;
    return true;
  }

  #star(): number | undefined {
    const argument = this.#args[this.#arg];
    if (argument !== undefined) this.#arg++;
    return argument?.type === "int64" && argument.value >= -1_000_000n && argument.value <= 1_000_000n
      ? Number(argument.value)
      : undefined;
  }

  #directive(): string {
    this.#goodIndex = true;
    let prefix = "";
    const directive = this.#flags(this.#take(/[+\-# 0]*/y));
    let picked = this.#index();
    if (this.#format[this.#at] === "*") {
      this.#at++;
      directive.width = this.#star();
      if (directive.width === undefined) prefix += "%!(BADWIDTH)";
      else if (directive.width < 0) Object.assign(directive, { width: -directive.width, minus: true, zero: false });
      picked = false;
    } else {
      directive.width = this.#number(/\d+/y);
      if (picked && directive.width !== undefined) this.#goodIndex = false;
    }
    if (this.#format[this.#at] === ".") {
      this.#at++;
      if (picked) this.#goodIndex = false;
      picked = this.#index();
      if (this.#format[this.#at] === "*") {
        this.#at++;
        directive.precision = this.#star();
        if (directive.precision === undefined) prefix += "%!(BADPREC)";
        else if (directive.precision < 0) {
          directive.precision = undefined;
          prefix += "%!(BADPREC)";
        }
        picked = false;
      } else directive.precision = this.#number(/\d+/y) ?? 0;
    }
    if (!picked) this.#index();
    return prefix + this.#verb(directive);
  }

  #number(pattern: RegExp): number | undefined {
    const digits = this.#take(pattern);
    if (digits === "") return undefined;
    const value = Number(digits);
    if (value > LIMITS.policyTextCharsMax) throw builtinError("sprintf width or precision is too large");
    return value;
  }

  #verb(directive: Directive): string {
    const code = this.#format.codePointAt(this.#at);
    if (code === undefined) return "%!(NOVERB)";
    const verb = String.fromCodePoint(code);
    this.#at += verb.length;
    if (verb === "%") return "%";
    if (!this.#goodIndex) return `%!${verb}(BADINDEX)`;
    const argument = this.#args[this.#arg];
    if (argument === undefined) return `%!${verb}(MISSING)`;
    this.#arg++;
    return formatArgument(argument, verb, directive);
  }
}
