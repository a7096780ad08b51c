import { type Document, isAlias, isMap, isScalar, isSeq, type Node, parseAllDocuments, stringify } from "yaml";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import { DEPTH_MAX, jsonKey, toJson } from "../json.ts";
import { spend, spendText } from "../meter.ts";
import { numberOf, OObject, type Value } from "../value.ts";

class NotYaml extends Error {}

/** The first document of a YAML 1.2 text; empty text is null. */
export function unmarshalYaml(text: string): Result<Value, string> {
  spendText(text.length);
  // Building the syntax tree costs far more than reading the text.
  spend(text.length);
  const documents = parseAllDocuments(text, {
    version: "1.2",
    schema: "core",
    merge: true,
    logLevel: "silent",
    uniqueKeys: true,
    stringKeys: false,
  });
  const [document] = documents;
  if (document === undefined || !("contents" in document)) return ok(null);
  // Only the first document counts, but all of them have to parse.
  const [error] = documents.flatMap(({ errors }) => errors);
  if (error !== undefined) return err(error.code);
  try {
    return ok(valueOfNode(document.contents, document, 0));
  } catch (failure) {
    if (failure instanceof NotYaml) return err(failure.message);
    throw failure;
  }
}

function valueOfNode(node: Node | null | undefined, document: Document, depth: number): Value {
  spend(1);
  if (depth > DEPTH_MAX) throw new NotYaml("document is too deep");
  if (node === null || node === undefined) return null;
  if (isAlias(node)) return valueOfNode(node.resolve(document), document, depth + 1);
  if (isScalar(node)) return scalarOf(node.value, node.source);
  if (isSeq(node)) return node.items.map((item) => valueOfNode(nodeOf(item), document, depth + 1));
  if (!isMap(node)) throw new NotYaml("unknown node");
  const result = new OObject();
  const merges: Value[] = [];
  for (const { key, value } of node.items) {
    const name = valueOfNode(nodeOf(key), document, depth + 1);
    const member = valueOfNode(nodeOf(value), document, depth + 1);
    if (name === "<<") merges.push(...(Array.isArray(member) ? member : [member]));
    else result.set(jsonKey(name), member);
  }
  for (const merged of merges) {
    if (!(merged instanceof OObject)) throw new NotYaml("map merge requires a map");
    for (const [key, member] of merged.entries()) if (!result.has(key)) result.set(key, member);
  }
  return result;
}

// safe because: the parser makes nodes of everything that it read from text; only documents built by hand hold bare values
const nodeOf = (item: unknown): Node | null => item as Node | null;

const fits64Bits = (value: bigint): boolean => value < 2n ** 64n && value >= -(2n ** 63n);

function scalarOf(value: unknown, source: string | undefined): Value {
  if (value === null || value === undefined) return null;
  // The parser's mark for a merge key.
  if (typeof value === "symbol") return "<<";
  if (typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "bigint") return numberOf(value.toString());
  if (typeof value !== "number") throw new NotYaml("unknown scalar");
  if (!Number.isFinite(value)) throw new NotYaml("number is not finite");
  // Integers keep all their digits up to 64 bits, everything else goes through a double, as in Go.
  const digits = source !== undefined && /^-?(?:0|[1-9]\d*)$/.test(source) ? source : String(value);
  return /^-?\d+$/.test(digits) && fits64Bits(BigInt(digits)) ? numberOf(digits) : value;
}

/** YAML with sorted keys and sequences at their key's own indentation. */
export function marshalYaml(value: Value): string {
  const text = stringify(toJson(value), { indent: 2, indentSeq: false, lineWidth: 0, aliasDuplicateObjects: false });
  spendText(text.length);
  spend(text.length);
  return text;
}
