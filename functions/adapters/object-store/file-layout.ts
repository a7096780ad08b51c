import { readdir } from "node:fs/promises";
import { join } from "node:path";

/** Marks that no key has, so that an object `a` and a folder of `a/b` never meet. */
const OBJECT = "~";
const KEPT = "~~";
const PARTIAL = "~partial";

/**
 * Where a key's bytes are: `<root>/a/b~` holds the object `a/b`, `<root>/a/b~~/<sha256>` versions that were locked when
 * they were replaced, `<root>/~partial` what is being written.
 */
export const objectFile = (root: string, key: string): string => join(root, `${key}${OBJECT}`);
export const keptFolder = (root: string, key: string): string => join(root, `${key}${KEPT}`);
export const partialFolder = (root: string): string => join(root, PARTIAL);

/** Keys under `prefix` and after `after`, ascending by their bytes; reads one folder at a time. */
export async function* walkKeys(root: string, prefix: string, after: string): AsyncGenerator<string> {
  yield* walk(root, prefix.slice(0, prefix.lastIndexOf("/") + 1), prefix, after);
}

async function* walk(root: string, base: string, prefix: string, after: string): AsyncGenerator<string> {
  for (const name of await namesIn(join(root, base))) {
    const path = base + name;
    if (!name.endsWith("/")) {
      if (path > after && path.startsWith(prefix)) yield path;
      continue;
    }
    const below = path.startsWith(prefix) || prefix.startsWith(path);
    if (below && (path > after || after.startsWith(path))) yield* walk(root, path, prefix, after);
  }
}

/** Objects as `b` and folders as `b/`, in the order of the keys below them: `b`, `b-c`, `b/d`. Links are neither. */
async function namesIn(folder: string): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await entriesOf(folder)) {
    const marked = entry.name.includes(OBJECT);
    if (entry.isDirectory() && !marked) names.push(`${entry.name}/`);
    else if (entry.isFile() && marked) names.push(entry.name.slice(0, -OBJECT.length));
  }
  return names.sort((a, b) => (a < b ? -1 : 1));
}

async function entriesOf(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    // Removed since its parent was read, with the last object in it; or never there.
    if (isMissing(error)) return [];
    throw error;
  }
}

const codeOf = (error: unknown): unknown => (error instanceof Error && "code" in error ? error.code : undefined);
export const isMissing = (error: unknown): boolean => codeOf(error) === "ENOENT";
export const isTaken = (error: unknown): boolean => codeOf(error) === "EEXIST";
export const isFilled = (error: unknown): boolean => codeOf(error) === "ENOTEMPTY" || codeOf(error) === "EEXIST";
