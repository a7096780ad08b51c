/** Marks an object of the text that stands for something which JSON does not have. */
const TAG = "$";
/** What ports carry is a few levels deep; deeper is a mistake, or somebody's attempt. */
const DEPTH_MAX = 64;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** The bytes are no value of this format. */
export class WireUnreadable extends Error {
  override readonly name = "WireUnreadable";
}

/**
 * One value as bytes: uint32 length and JSON text, then each byte array as uint32 length and its bytes. Carries what ports
 * do: JSON, byte arrays, `bigint`, `Map`, `Set`, `Date`, `undefined` inside arrays, and every number. Members that are
 * `undefined` are absent afterwards. What has none of these is written as the JSON text that it is, in one pass.
 */
export function encodeValue(value: unknown): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  const text = JSON.stringify(isPlain(value, 0) ? value : tagged(value, parts, 0));
  const json = encoder.encode(text);
  const out = new Uint8Array(4 + json.byteLength + parts.reduce((sum, part) => sum + 4 + part.byteLength, 0));
  const view = new DataView(out.buffer);
  view.setUint32(0, json.byteLength);
  out.set(json, 4);
  let at = 4 + json.byteLength;
  for (const part of parts) {
    view.setUint32(at, part.byteLength);
    out.set(part, at + 4);
    at += 4 + part.byteLength;
  }
  return out;
}

/** The value again. Byte arrays are copies. Throws `WireUnreadable`. */
export function decodeValue(bytes: Uint8Array): unknown {
  try {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const end = 4 + view.getUint32(0);
    if (end > bytes.byteLength) throw new WireUnreadable("it is cut off");
    const parts: Uint8Array[] = [];
    for (let at = end; at < bytes.byteLength; ) {
      const from = at + 4;
      at = from + view.getUint32(at);
      if (at > bytes.byteLength) throw new WireUnreadable("it is cut off");
      parts.push(bytes.slice(from, at));
    }
    const text = decoder.decode(bytes.subarray(4, end));
    const value: unknown = JSON.parse(text);
    // The marker in plain text is rare, and looked for faster than every member.
    return text.includes(`"${TAG}"`) ? untagged(value, parts, 0) : value;
  } catch (cause) {
    throw cause instanceof WireUnreadable ? cause : new WireUnreadable("not a value", { cause });
  }
}

function isPlain(value: unknown, depth: number): boolean {
  if (depth > DEPTH_MAX) throw new RangeError("a value is too deep");
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0);
    case "object":
      break;
    default:
      return false;
  }
  if (value === null) return true;
  if (Array.isArray(value)) return value.every((item) => isPlain(item, depth + 1));
  if (!isRecord(value)) return false;
  for (const name in value) {
    const member = value[name];
    if (name === TAG || (member !== undefined && !isPlain(member, depth + 1))) return false;
  }
  return true;
}

function isRecord(value: object): value is Record<string, unknown> {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

const tag = (kind: string, of: unknown) => ({ [TAG]: kind, of });

function tagged(value: unknown, parts: Uint8Array[], depth: number): unknown {
  if (depth > DEPTH_MAX) throw new RangeError("a value is too deep");
  const inner = (item: unknown) => tagged(item, parts, depth + 1);
  if (value === undefined) return tag("undefined", null);
  if (typeof value === "bigint") return tag("bigint", String(value));
  if (typeof value === "number")
    return isPlain(value, 0) ? value : tag("number", Object.is(value, -0) ? "-0" : String(value));
  if (typeof value !== "object" || value === null) {
    if (typeof value === "function" || typeof value === "symbol") throw new TypeError("a port carries data only");
    return value;
  }
  if (value instanceof Uint8Array) return tag("bytes", parts.push(value) - 1);
  if (Array.isArray(value)) return value.map(inner);
  if (value instanceof Date) return tag("date", value.getTime());
  if (value instanceof Map)
    return tag(
      "map",
      [...value].map(([name, of]) => [inner(name), inner(of)]),
    );
  if (value instanceof Set) return tag("set", [...value].map(inner));
  if (!isRecord(value)) throw new TypeError("a port carries plain data only");
  const members = Object.entries(value).flatMap(([name, of]) => (of === undefined ? [] : [[name, inner(of)] as const]));
  // `fromEntries` defines members of its own, whatever their names.
  const record = Object.fromEntries(members);
  return Object.hasOwn(record, TAG) ? tag("own", record) : record;
}

function untagged(value: unknown, parts: readonly Uint8Array[], depth: number): unknown {
  if (depth > DEPTH_MAX) throw new WireUnreadable("it is too deep");
  if (typeof value !== "object" || value === null) return value;
  const inner = (item: unknown) => untagged(item, parts, depth + 1);
  if (Array.isArray(value)) return value.map(inner);
  const record = value as Record<string, unknown>; // safe because: JSON.parse made it, and it is no array
  return Object.hasOwn(record, TAG) ? standsFor(record, parts, inner) : members(record, inner);
}

const members = (record: Record<string, unknown>, inner: (item: unknown) => unknown) =>
  Object.fromEntries(Object.entries(record).map(([name, of]) => [name, inner(of)]));

function standsFor(
  { [TAG]: kind, of }: Record<string, unknown>,
  parts: readonly Uint8Array[],
  inner: (item: unknown) => unknown,
): unknown {
  switch (kind) {
    case "undefined":
      return undefined;
    case "bigint":
      return BigInt(String(of));
    case "number":
      return Number(of);
    case "date":
      return new Date(Number(of));
    case "bytes": {
      const part = parts[Number(of)];
      if (part === undefined) throw new WireUnreadable("bytes are missing");
      return part;
    }
    case "map":
      return new Map(listOf(of).map((entry) => [inner(listOf(entry)[0]), inner(listOf(entry)[1])]));
    case "set":
      return new Set(listOf(of).map(inner));
    case "own":
      // Its members were written one by one, and one of them is called as the marker is.
      return members(of as Record<string, unknown>, inner); // safe because: only `tagged` writes this kind, around a record
    default:
      throw new WireUnreadable("a kind of value that is not known");
  }
}

function listOf(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new WireUnreadable("a list is missing");
  return value;
}
