import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { BackupFailed, digest, filesUnder, KEY_FILES, MANIFEST } from "./backup.mjs";

/**
 * Puts a backup into a new home: every file has to be there unaltered, and none besides. A home that exists is never
 * written to, so that what is in it can still be looked at. Throws `BackupFailed`.
 * @param {{ from: string, home: string }} what
 */
export function restore({ from, home }) {
  if (!existsSync(join(from, MANIFEST))) throw new BackupFailed(`${from} is no whole backup`);
  if (existsSync(home) && readdirSync(home).length > 0) throw new BackupFailed(`${home} is not empty`);
  /** @type {{ schema_version: number, taken_at: string, with_keys: boolean, folders: string[], files: Record<string, string> }} */
  const manifest = JSON.parse(readFileSync(join(from, MANIFEST), "utf8"));
  if (manifest.schema_version !== 1)
    throw new BackupFailed(`backups of version ${manifest.schema_version} are not known`);
  for (const [name, expected] of Object.entries(manifest.files))
    if (!existsSync(join(from, name)) || digest(join(from, name)) !== expected)
      throw new BackupFailed(`${name} is ${existsSync(join(from, name)) ? "altered" : "missing"}`);
  const besides = filesUnder(from).filter((name) => name !== MANIFEST && !(name in manifest.files));
  if (besides.length > 0) throw new BackupFailed(`${besides[0]} is not of this backup`);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  for (const name of manifest.folders) mkdirSync(inside(home, name), { recursive: true, mode: 0o700 });
  for (const name of Object.keys(manifest.files)) copyFileSync(join(from, name), inside(home, name));
  return {
    files: Object.keys(manifest.files).length,
    taken_at: manifest.taken_at,
    missing: manifest.with_keys ? [] : KEY_FILES.slice(0, 2),
  };
}

/** @param {string} home @param {string} name @returns {string} a place in the home, whatever a manifest calls it */
function inside(home, name) {
  const path = resolve(home, name);
  if (!path.startsWith(resolve(home) + sep)) throw new BackupFailed(`${name} lies outside of the home`);
  return path;
}

/** `npm run restore -- --from FOLDER --home NEW` */
function main() {
  const { values } = parseArgs({ options: { from: { type: "string" }, home: { type: "string" } } });
  if (!values.from || !values.home) {
    process.stderr.write("npm run restore -- --from BACKUP --home NEW_HOME\n");
    return 2;
  }
  try {
    const { files, taken_at, missing } = restore({ from: resolve(values.from), home: resolve(values.home) });
    process.stdout.write(`${files} files of ${taken_at}; start it with BAILIWICK_HOME=${values.home} npm start\n`);
    if (missing.length > 0) process.stdout.write(`put ${missing.join(" and ")} into it first\n`);
    return 0;
  } catch (cause) {
    if (!(cause instanceof BackupFailed)) throw cause;
    process.stderr.write(`not restored: ${cause.message}\n`);
    return 1;
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) process.exitCode = main();
