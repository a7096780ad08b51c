import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ROOT } from "./command.mjs";

/**
 * Adds what a registry without some platforms' binaries leaves out of `package-lock.json`: one entry for each optional
 * dependency that is pinned exactly, with the platform that its name says. Without them `npm ci` refuses the file
 * everywhere. Entries that npm wrote itself are never touched; those added here have no integrity and say so by lacking it.
 */
const OS = { darwin: "darwin", win32: "win32", windows: "win32", linux: "linux", android: "android" };
const CPU = { arm64: "arm64", x64: "x64", 64: "x64" };
const LIBC = { musl: "musl", glibc: "glibc" };

/** @param {string} name @param {Record<string, string>} table */
const named = (name, table) => name.split(/[-/]/).flatMap((part) => (Object.hasOwn(table, part) ? [table[part]] : []));

/**
 * @param {{ packages: Record<string, { optionalDependencies?: Record<string, string>, dev?: boolean }> }} lock changed in place
 * @returns {string[]} names that were added.
 */
export function completeLock(lock) {
  /** @type {string[]} */
  const added = [];
  for (const [path, entry] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const known = [`${path}/node_modules/${name}`, `node_modules/${name}`].some((at) => at in lock.packages);
      const [os, cpu, libc] = [named(name, OS), named(name, CPU), named(name, LIBC)];
      if (known || !/^\d+\.\d+\.\d+$/.test(version) || os.length === 0) continue;
      Object.assign(lock.packages, {
        [`node_modules/${name}`]: {
          version,
          ...(cpu.length > 0 ? { cpu } : {}),
          ...(entry.dev ? { dev: true } : {}),
          ...(libc.length > 0 ? { libc } : {}),
          optional: true,
          os,
        },
      });
      added.push(name);
    }
  }
  const sorted = Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1));
  lock.packages = Object.fromEntries(sorted);
  return added;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = join(ROOT, "package-lock.json");
  const lock = JSON.parse(readFileSync(file, "utf8"));
  const added = completeLock(lock);
  if (added.length > 0) writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
  process.stdout.write(added.length === 0 ? "complete\n" : `added: ${added.join(", ")}\n`);
}
