import { builtinError } from "../failure.ts";
import { spendText } from "../meter.ts";
import { OObject, type Value } from "../value.ts";
import { builtin, type Family, string } from "./operands.ts";
import { parseUri } from "./uri-parts.ts";

function parse(args: readonly Value[]): OObject {
  const text = string(args, 0);
  spendText(text.length);
  const uri = parseUri(text);
  if (uri === undefined) throw builtinError("URI cannot be parsed");
  const members = {
    scheme: uri.scheme,
    hostname: uri.hostname,
    port: uri.port,
    path: uri.path,
    raw_path: uri.path === "" ? "" : uri.rawPath === "" ? uri.path : uri.rawPath,
    raw_query: uri.query,
    fragment: uri.fragment,
  };
  return OObject.of(Object.entries(members).filter(([, value]) => value !== ""));
}

export const URI: Family = {
  "uri.parse": builtin(1, parse),
  "uri.is_valid": builtin(1, ([value]) => typeof value === "string" && value !== "" && parseUri(value) !== undefined),
};
