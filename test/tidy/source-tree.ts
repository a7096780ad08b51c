import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, resolve } from "node:path";

export const ROOT = resolve(import.meta.dirname, "../..");
const SKIPPED = new Set(["node_modules", ".git", ".bailiwick", ".wrangler", ".cache", "dist", "results"]);

/** Every file of the project, as paths from its root; what git ignores is left out. */
export function projectFiles(folder = ""): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (SKIPPED.has(entry.name)) return [];
    return entry.isDirectory() ? projectFiles(path) : entry.isFile() ? [path] : [];
  });
}

export const readSource = (path: string): string => readFileSync(join(ROOT, path), "utf8");

export interface Import {
  /** As written. */
  specifier: string;
  /** Path from the project root for relative imports, else null. */
  path: string | null;
  typeOnly: boolean;
}

const STATIC = /^(?:import|export)\s+(type\s+)?(?:[^;"']*?\sfrom\s*)?["']([^"']+)["']/gm;
const DYNAMIC = /\bimport\(\s*["']([^"']+)["']/g;
const WORKER = /new URL\(\s*["'](\.[^"']+\.ts)["']\s*,\s*import\.meta\.url/g;

/** Import and export specifiers of a module: formatted code keeps statements at the start of a line. */
export function importsOf(path: string, source: string): Import[] {
  const found: Import[] = [];
  const add = (specifier: string, typeOnly: boolean) =>
    found.push({ specifier, typeOnly, path: specifier.startsWith(".") ? posix.join(dirname(path), specifier) : null });
  for (const match of source.matchAll(STATIC)) if (match[2]) add(match[2], match[1] !== undefined);
  for (const pattern of [DYNAMIC, WORKER])
    for (const match of source.matchAll(pattern)) if (match[1]) add(match[1], false);
  return found;
}

/** Source without comments, so that a word in prose is no violation. Line structure is kept. */
export const withoutComments = (source: string): string =>
  source.replace(/\/\*[\s\S]*?\*\//g, (text) => text.replace(/[^\n]/g, " ")).replace(/(^|[\s;{}(,])\/\/[^\n]*/g, "$1");
