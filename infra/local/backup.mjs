import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve, sep } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { ROOT } from "./command.mjs";

/** A backup that cannot be made; the message is one line for the operator. */
export class BackupFailed extends Error {}

export const MANIFEST = "backup.json";
/** What only this machine needs: locks, the proof that the home can be written, half-written files. */
const LEFT_OUT = /^(?:lock(?:-[^/]*)?|writable|[^/]*\.new)$/;
/** With `--without-keys` these are kept elsewhere: whoever has the backup alone can then read no sealed byte. */
export const KEY_FILES = ["root.key", "signing-keys.json", "worker-secret", "keys.json"];
/** Written and read by worker processes beside the cell; it is copied by SQLite itself. */
const QUEUE = "queue.sqlite";

/**
 * Makes a backup of an embedded home that is one moment of it, also while its cell runs: what is in the object store is
 * copied first, then the cell stands still for as long as the rest takes. What is copied is what a power cut at that
 * moment would have left, from which the cell recovers by itself. Linux alone tells who holds the home; elsewhere the
 * cell has to be stopped. Throws `BackupFailed`.
 * @param {{ home: string, to: string, keys: boolean }} what
 */
export function backup({ home, to, keys }) {
  if (!existsSync(join(home, "root.key"))) throw new BackupFailed(`${home} is no home of a cell`);
  if (existsSync(to) && readdirSync(to).length > 0) throw new BackupFailed(`${to} is not empty`);
  if (resolve(to) === resolve(home) || resolve(to).startsWith(resolve(home) + sep))
    throw new BackupFailed("a backup inside of the home would be lost with it");
  mkdirSync(to, { recursive: true, mode: 0o700 });
  const began = new Date();
  const holder = holderOf(home);
  /** @type {Map<string, string>} */
  const copied = new Map();
  const copy = (/** @type {string} */ under) => mirror({ home, to, under, keys, copied });
  copy("object-store");
  let stoodStillMs = 0;
  const paused = performance.now();
  if (holder !== null) process.kill(holder, "SIGSTOP");
  try {
    if (holder !== null) awaitStopped(holder);
    copy("");
    if (existsSync(join(home, QUEUE))) copyQueue(join(home, QUEUE), join(to, QUEUE));
  } finally {
    // Whatever went wrong, the cell goes on.
    if (holder !== null) process.kill(holder, "SIGCONT");
    stoodStillMs = holder === null ? 0 : Math.round(performance.now() - paused);
  }
  const databases = checkDatabases(to);
  const files = Object.fromEntries(filesUnder(to).map((name) => [name, digest(join(to, name))]));
  const manifest = {
    schema_version: 1,
    taken_at: began.toISOString(),
    version: JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).version,
    with_keys: keys,
    folders: foldersUnder(to),
    files,
  };
  writeFileSync(join(to, MANIFEST), `${JSON.stringify(manifest, null, 1)}\n`, { mode: 0o600 });
  return { files: Object.keys(files).length, databases, stoodStillMs };
}

/** @param {string} home @returns {number | null} the process whose cell works in the home; null when there is none */
function holderOf(home) {
  const lock = join(resolve(home), "lock");
  if (!existsSync(lock)) return null;
  const db = new DatabaseSync(lock);
  try {
    db.exec("BEGIN EXCLUSIVE; ROLLBACK");
    return null;
  } catch (cause) {
    if (!/locked/.test(String(cause))) throw cause;
  } finally {
    db.close();
  }
  if (!existsSync("/proc/self/fd"))
    throw new BackupFailed("the cell runs, and this system does not say as which process: stop it first");
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid))
    if (opened(pid).includes(lock)) return Number(pid);
  throw new BackupFailed("the cell runs as somebody else's process: stop it, or run this as its user");
}

/** @param {string} pid @returns {string[]} files that the process has open; none where it ended or is not ours */
function opened(pid) {
  try {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).map((fd) => readlinkSync(`${folder}/${fd}`));
  } catch (cause) {
    if (["ENOENT", "EACCES", "EPERM", "ESRCH"].includes(/** @type {NodeJS.ErrnoException} */ (cause).code ?? ""))
      return [];
    throw cause;
  }
}

/** @param {number} pid SIGSTOP is delivered to every thread before the kernel calls the process stopped. */
function awaitStopped(pid) {
  for (let tries = 0; tries < 10_000; tries++) {
    const [, state = ""] = /^\d+ \(.*\) (\S)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
    if (state === "T") return;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  }
  throw new BackupFailed("the cell does not stand still");
}

/** @param {string} folder @returns {string[]} paths of files below it, sorted */
export const filesUnder = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();

/** @param {string} folder @returns {string[]} paths of folders below it, parents first: PostgreSQL needs empty ones too */
export const foldersUnder = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();

/**
 * Brings `to` to what `home` has below `under`: copies what is new or changed, removes what is gone. An object is written
 * under another name and then renamed, so its number, size and time tell whether it was `copied`; anything else is copied.
 * @param {{ home: string, to: string, under: string, keys: boolean, copied: Map<string, string> }} what
 */
function mirror({ home, to, under, keys, copied }) {
  const from = join(home, under);
  if (!existsSync(from)) return;
  for (const name of foldersUnder(from)) mkdirSync(join(to, under, name), { recursive: true, mode: 0o700 });
  const wanted = filesUnder(from)
    .map((name) => join(under, name))
    .filter((name) => !LEFT_OUT.test(name) && !name.startsWith(QUEUE) && (keys || !KEY_FILES.includes(name)));
  for (const name of wanted) {
    const target = join(to, name);
    try {
      const { ino, size, mtimeNs } = statSync(join(home, name), { bigint: true });
      const state = `${ino} ${size} ${mtimeNs}`;
      if (name.startsWith("object-store") && copied.get(name) === state) continue;
      mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
      copyFileSync(join(home, name), target);
      copied.set(name, state);
    } catch (cause) {
      // The cell runs in the first pass: what it removed meanwhile is not wanted any more.
      if (under === "" || /** @type {NodeJS.ErrnoException} */ (cause).code !== "ENOENT") throw cause;
    }
  }
  const kept = new Set(wanted);
  const gone = existsSync(join(to, under)) ? filesUnder(join(to, under)).map((name) => join(under, name)) : [];
  for (const name of gone) if (!kept.has(name)) rmSync(join(to, name));
}

/** @param {string} from @param {string} to A worker may write to the queue meanwhile: SQLite gives one state of it. */
function copyQueue(from, to) {
  rmSync(to, { force: true });
  const db = new DatabaseSync(from, { readOnly: true });
  try {
    db.prepare("VACUUM INTO ?").run(to);
  } finally {
    db.close();
  }
}

/** @param {string} folder Opens each copied database once: its log goes into it, and it must be whole. */
function checkDatabases(folder) {
  const databases = filesUnder(folder).filter((name) => name.endsWith(".sqlite"));
  for (const name of databases) {
    const db = new DatabaseSync(join(folder, name));
    try {
      db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
      const [row] = db.prepare("PRAGMA integrity_check").all();
      if (row?.integrity_check !== "ok") throw new BackupFailed(`${name} is damaged: ${JSON.stringify(row)}`);
    } finally {
      db.close();
    }
  }
  return databases.length;
}

/** @param {string} path @returns {string} */
export const digest = (path) => createHash("sha256").update(readFileSync(path)).digest("hex");

/** `npm run backup -- --home DIR --to DIR [--without-keys]` */
function main() {
  const { values } = parseArgs({
    options: { home: { type: "string" }, to: { type: "string" }, "without-keys": { type: "boolean", default: false } },
  });
  if (!values.to) {
    process.stderr.write("npm run backup -- --to FOLDER [--home DIR] [--without-keys]\n");
    return 2;
  }
  const home = resolve(values.home ?? process.env.BAILIWICK_HOME ?? join(ROOT, ".bailiwick"));
  try {
    const { files, databases, stoodStillMs } = backup({ home, to: resolve(values.to), keys: !values["without-keys"] });
    process.stdout.write(
      `${files} files, ${databases} databases checked; the cell stood still for ${stoodStillMs} ms\n`,
    );
    return 0;
  } catch (cause) {
    if (!(cause instanceof BackupFailed)) throw cause;
    process.stderr.write(`no backup: ${cause.message}\n`);
    return 1;
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) process.exitCode = main();
