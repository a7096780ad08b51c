import { builtinError, typeError } from "../failure.ts";
import { spend } from "../meter.ts";
import { bigintOf, equalValues, isNumber, OObject, OSet, typeName, type Value } from "../value.ts";
import { any, array, builtin, type Family, list, object } from "./operands.ts";

type Path = readonly Value[];

/** A JSON pointer, or its segments as an array. */
function pathOf(path: Value): Path {
  if (Array.isArray(path)) return path;
  if (typeof path !== "string") {
    throw typeError(
      `operand 2 must be one of {set, array} containing string paths or array of path segments but got ${typeName(path)}`,
    );
  }
  if (path === "") return [];
  return path
    .replace(/^\/+/, "")
    .split("/")
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** The paths as one tree whose leaves are null; a path that leads through a leaf ends there. */
function tree(paths: readonly Value[]): OObject {
  const root = new OObject();
  for (const path of paths.map(pathOf)) {
    let node: Value | undefined = root;
    for (const [at, key] of path.entries()) {
      if (!(node instanceof OObject)) break;
      const last = at === path.length - 1;
      if (last) node.set(key, null);
      else if (node.get(key) === undefined) node.set(key, new OObject());
      node = node.get(key);
    }
  }
  return root;
}

function removed(value: Value, paths: Value | undefined): Value | undefined {
  spend(1);
  if (paths === null) return undefined;
  if (!(paths instanceof OObject)) return value;
  if (value instanceof OObject) {
    const result = new OObject();
    for (const [key, member] of value.entries()) {
      const kept = removed(member, paths.get(key));
      if (kept !== undefined) result.set(key, kept);
    }
    return result;
  }
  if (value instanceof OSet)
    return OSet.of(value.sorted().flatMap((member) => defined(removed(member, paths.get(member)))));
  if (Array.isArray(value)) return value.flatMap((element, at) => defined(removed(element, paths.get(String(at)))));
  return value;
}

const defined = (value: Value | undefined): Value[] => (value === undefined ? [] : [value]);

function filtered(value: Value, paths: Value): Value {
  spend(1);
  if (paths === null) return value;
  if (!(paths instanceof OObject)) throw builtinError("invalid filter value, expected an object");
  const pick = (key: Value, member: Value): Value[] => {
    const wanted = paths.get(key);
    return wanted === undefined ? [] : [filtered(member, wanted)];
  };
  if (Array.isArray(value)) return value.flatMap((element, at) => pick(String(at), element));
  if (value instanceof OSet) return OSet.of(value.sorted().flatMap((member) => pick(member, member)));
  if (!(value instanceof OObject)) return value;
  const result = new OObject();
  for (const [key, member] of value.entries()) for (const kept of pick(key, member)) result.set(key, kept);
  return result;
}

function indexOf(length: number, key: Value): number {
  if (isNumber(key)) {
    const index = bigintOf(key);
    if (index === undefined) throw builtinError("invalid number type for indexing");
    return Number(index);
  }
  if (typeof key !== "string") throw builtinError("invalid type for indexing");
  if (key === "-") return length;
  if (!/^[+-]?\d+$/.test(key)) throw builtinError("invalid string for indexing");
  if (key.length > 1 && key.startsWith("0")) throw builtinError("leading zeros are not allowed in JSON paths");
  return Number(key);
}

/** The value at a path. Throws where the path does not exist. */
function at(value: Value, path: Path): Value {
  let current = value;
  for (const key of path) {
    spend(1);
    current = child(current, key);
  }
  return current;
}

function child(value: Value, key: Value): Value {
  let found: Value | undefined;
  if (value instanceof OObject) found = value.get(key);
  else if (value instanceof OSet) found = value.has(key) ? key : undefined;
  else if (Array.isArray(value)) found = value[indexOf(value.length, key)];
  else throw builtinError(`expected composite type, found ${typeName(value)}`);
  if (found === undefined) throw builtinError("path does not exist");
  return found;
}

/** A copy of `value` in which the container of the path's last segment is edited. */
function edited(value: Value, path: Path, edit: (container: Value, key: Value) => Value): Value {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  spend(1);
  if (rest.length === 0) return edit(value, key);
  const replacement = edited(child(value, key), rest, edit);
  if (value instanceof OObject) {
    const copy = value.copy();
    copy.set(key, replacement);
    return copy;
  }
  if (value instanceof OSet)
    return OSet.of(value.sorted().map((member) => (equalValues(member, key) ? replacement : member)));
  if (!Array.isArray(value)) throw builtinError("expected composite type");
  spend(value.length);
  return value.with(indexOf(value.length, key), replacement);
}

const inserting =
  (inserted: Value) =>
  (container: Value, key: Value): Value => {
    if (container instanceof OObject) {
      const copy = container.copy();
      copy.set(key, inserted);
      return copy;
    }
    if (container instanceof OSet) {
      if (!equalValues(key, inserted)) throw builtinError("set key does not equal value to be inserted");
      return OSet.of([...container.sorted(), inserted]);
    }
    if (!Array.isArray(container)) throw builtinError(`expected composite type, found ${typeName(container)}`);
    const index = indexOf(container.length, key);
    if (index < 0 || index > container.length) throw builtinError("index for array insertion out of bounds");
    spend(container.length);
    return container.toSpliced(index, 0, inserted);
  };

function deleting(container: Value, key: Value): Value {
  child(container, key);
  if (container instanceof OObject) {
    const copy = new OObject();
    for (const [name, member] of container.entries()) if (!equalValues(name, key)) copy.set(name, member);
    return copy;
  }
  if (container instanceof OSet) return OSet.of(container.sorted().filter((member) => !equalValues(member, key)));
  if (!Array.isArray(container)) throw builtinError("expected composite type");
  spend(container.length);
  return container.toSpliced(indexOf(container.length, key), 1);
}

/** One patch operation (RFC 6902) on a document; undefined is the document that was removed. */
function patched(document: Value | undefined, operation: Value): Value | undefined {
  if (!(operation instanceof OObject))
    throw builtinError("must be an array of JSON-Patch objects, but at least one element is not an object");
  const need = (name: string): Value => {
    const value = operation.get(name);
    if (value === undefined) throw builtinError(`missing required attribute '${name}'`);
    return value;
  };
  const path = pathOf(need("path"));
  const op = need("op");
  if (typeof op !== "string") throw builtinError(`attribute 'op' must be a string but found: ${typeName(op)}`);
  const here = (): Value => {
    if (document === undefined) throw builtinError("deleted node encountered");
    return document;
  };
  const insert = (base: Value | undefined, value: Value): Value => {
    if (path.length === 0) return value;
    if (base === undefined) throw builtinError("deleted node encountered during insert operation");
    return edited(base, path, inserting(value));
  };
  const remove = (from: Path): Value | undefined => (from.length === 0 ? undefined : edited(here(), from, deleting));
  switch (op) {
    case "add":
      return insert(document, need("value"));
    case "remove":
      return remove(path);
    case "replace":
      return insert(remove(path), need("value"));
    case "move": {
      const from = pathOf(need("from"));
      const moved = at(here(), from);
      return insert(remove(from), moved);
    }
    case "copy":
      return insert(here(), at(here(), pathOf(need("from"))));
    case "test":
      if (!equalValues(at(here(), path), need("value")))
        throw builtinError("value in document does not equal value of the test");
      return document;
    default:
      throw builtinError(`unrecognized op: '${op}'`);
  }
}

export const JSON_PATHS: Family = {
  "json.filter": builtin(2, (args) => filtered(object(args, 0), tree(list(args, 1)))),
  "json.remove": builtin(2, (args) => removed(object(args, 0), tree(list(args, 1)))),
  "json.patch": builtin(2, (args) => array(args, 1).reduce<Value | undefined>(patched, any(args, 0))),
};
