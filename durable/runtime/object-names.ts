import { opendir } from "node:fs/promises";
import { objectFolder } from "./object-path.ts";

const SUFFIX = ".sqlite";

/** The name that `objectPath` made a file name of; null for what is no object's file. */
export function objectNameOf(file: string): string | null {
  if (!file.endsWith(SUFFIX)) return null;
  return file
    .slice(0, -SUFFIX.length)
    .replace(/==|=([a-z])/g, (_found, letter: string | undefined) =>
      letter === undefined ? ":" : letter.toUpperCase(),
    );
}

/**
 * Names of the objects of one class whose name begins with `prefix`, as their files tell, in no order. An object that is
 * being made or removed meanwhile may be among them or not; one that was there before and stays is.
 */
export async function objectNames(home: string, className: string, prefix: string): Promise<string[]> {
  const names: string[] = [];
  let folder: Awaited<ReturnType<typeof opendir>>;
  try {
    folder = await opendir(objectFolder(home, className));
  } catch (cause) {
    // No object of this class was ever made.
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return names;
    throw cause;
  }
  for await (const entry of folder) {
    const name = objectNameOf(entry.name);
    if (name?.startsWith(prefix)) names.push(name);
  }
  return names;
}
