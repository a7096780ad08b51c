import { OObject, type Value } from "../engine/value.ts";
import { refuse, shown } from "./refusal.ts";

/** All data files as one document, each under the path of its folder. Two files may share objects, never a member. */
export function mergeData(files: ReadonlyMap<string, Value>): OObject {
  const data = new OObject();
  for (const [path, value] of files) {
    const folders = path.split("/").slice(0, -1);
    const last = folders.pop();
    const conflict = (): never => refuse({ reason: "data_conflict", file: shown(path) });
    let parent = data;
    for (const folder of folders) {
      const known = parent.get(folder);
      if (known !== undefined && !(known instanceof OObject)) return conflict();
      const child = known ?? new OObject();
      if (known === undefined) parent.set(folder, child);
      parent = child;
    }
    if (last !== undefined) insert(parent, last, value, conflict);
    else if (value instanceof OObject) mergeInto(data, value, conflict);
    else refuse({ reason: "file_malformed", file: shown(path), detail: "the root of data is an object" });
  }
  return data;
}

function insert(parent: OObject, key: Value, value: Value, conflict: () => never): void {
  const known = parent.get(key);
  if (known === undefined) parent.set(key, value);
  else if (known instanceof OObject && value instanceof OObject) mergeInto(known, value, conflict);
  else conflict();
}

function mergeInto(target: OObject, source: OObject, conflict: () => never): void {
  for (const [key, value] of source.entries()) insert(target, key, value, conflict);
}
