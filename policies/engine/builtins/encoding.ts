import { builtinError, typeError } from "../failure.ts";
import { jsonKey, jsonString, parseJson, toJsonText } from "../json.ts";
import { spendText } from "../meter.ts";
import { decodeUtf8, encodeUtf8 } from "../utf8.ts";
import { Num, OObject, OSet, type Value } from "../value.ts";
import { decodeBase64, decodeBase64UrlLoose, encodeBase64 } from "./base64.ts";
import { any, builtin, type Family, object, string } from "./operands.ts";
import { decodeQuery, encodeQuery, parseQuery } from "./query.ts";
import { marshalYaml, unmarshalYaml } from "./yaml.ts";

const text1 = (run: (text: string) => Value) =>
  builtin(1, (args) => {
    const text = string(args, 0);
    spendText(text.length);
    return run(text);
  });
const valid = (test: (text: string) => boolean) =>
  builtin(1, ([value]) => {
    if (typeof value === "string") spendText(value.length);
    return typeof value === "string" && test(value);
  });

function unmarshal(text: string): Value {
  const parsed = parseJson(text);
  if (!parsed.ok) throw builtinError(parsed.error.detail);
  return parsed.value;
}

function base64url(text: string): string {
  const bytes = decodeBase64UrlLoose(text);
  if (bytes === undefined) throw builtinError("illegal base64url string");
  return decodeUtf8(bytes);
}

function base64(text: string): string {
  const bytes = decodeBase64(text, false);
  if (bytes === undefined) throw builtinError("illegal base64 data");
  return decodeUtf8(bytes);
}

function decodeHex(text: string): string {
  if (!/^(?:[0-9a-fA-F]{2})*$/.test(text)) throw builtinError("encoding/hex: invalid byte or odd length");
  return decodeUtf8(Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)));
}

const encodeHex = (text: string): string =>
  Array.from(encodeUtf8(text), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** JSON over several lines; empty containers stay on one, as Go writes them. */
function indented(value: Value, line: string, indent: string): string {
  if (value === null || typeof value !== "object" || value instanceof Num) return toJsonText(value);
  const isObject = value instanceof OObject;
  const items = isObject
    ? [...value.entries()].map(
        ([key, member]) => `${jsonString(jsonKey(key))}: ${indented(member, line + indent, indent)}`,
      )
    : (value instanceof OSet ? value.sorted() : value).map((element) => indented(element, line + indent, indent));
  const [open, close] = isObject ? ["{", "}"] : ["[", "]"];
  if (items.length === 0) return open + close;
  const text = `${open}${line}${indent}${items.join(`,${line}${indent}`)}${line}${close}`;
  spendText(text.length);
  return text;
}

function marshalWithOptions(args: readonly Value[]): string {
  const [value, options] = [any(args, 0), object(args, 1)];
  const found = { prefix: "", indent: "\t" };
  let pretty: boolean | undefined;
  let implied = false;
  for (const [key, option] of options.entries()) {
    if (key === "pretty" && typeof option === "boolean") pretty = option;
    else if ((key === "prefix" || key === "indent") && typeof option === "string") {
      found[key] = option;
      implied = true;
    } else throw typeError(`operand 2 object contained an unknown or wrongly typed key`);
  }
  if (!(pretty ?? implied)) return toJsonText(value);
  return found.prefix + indented(value, `\n${found.prefix}`, found.indent);
}

export const ENCODING: Family = {
  "json.marshal": builtin(1, (args) => toJsonText(any(args, 0))),
  "json.marshal_with_options": builtin(2, marshalWithOptions),
  "json.unmarshal": text1(unmarshal),
  "json.is_valid": valid((text) => parseJson(text).ok),
  "yaml.marshal": builtin(1, (args) => marshalYaml(any(args, 0))),
  "yaml.unmarshal": text1((text) => {
    const parsed = unmarshalYaml(text);
    if (!parsed.ok) throw builtinError(parsed.error);
    return parsed.value;
  }),
  "yaml.is_valid": valid((text) => unmarshalYaml(text).ok),
  "base64.encode": text1((text) => encodeBase64(encodeUtf8(text), false, true)),
  "base64.decode": text1(base64),
  "base64.is_valid": valid((text) => decodeBase64(text, false) !== undefined),
  "base64url.encode": text1((text) => encodeBase64(encodeUtf8(text), true, true)),
  "base64url.encode_no_pad": text1((text) => encodeBase64(encodeUtf8(text), true, false)),
  "base64url.decode": text1(base64url),
  "hex.encode": text1(encodeHex),
  "hex.decode": text1(decodeHex),
  "urlquery.encode": text1(encodeQuery),
  "urlquery.decode": text1((text) => {
    const decoded = decodeQuery(text);
    if (decoded === undefined) throw builtinError("invalid URL escape");
    return decoded;
  }),
  "urlquery.encode_object": builtin(1, (args) => encodeObject(object(args, 0))),
  "urlquery.decode_object": text1((text) => {
    const parsed = parseQuery(text);
    if (parsed === undefined) throw builtinError("invalid query string");
    return OObject.of([...parsed].map(([name, values]): [string, Value[]] => [name, values]));
  }),
};

function encodeObject(source: OObject): string {
  const pairs: string[] = [];
  for (const [key, value] of source.entries()) {
    const values = value instanceof OSet ? value.sorted() : Array.isArray(value) ? value : [value];
    for (const text of values) {
      if (typeof text !== "string") throw typeError("operand 1 values must be string, array[string], or set[string]");
      pairs.push(`${encodeQuery(jsonKey(key))}=${encodeQuery(text)}`);
    }
  }
  return pairs.join("&");
}
