import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const NODE_MAJOR_MIN = 20;
/** npm's own words that are kept for the one line that a failed installation prints. */
const NPM_TAIL_BYTES = 64 * 1024;

/**
 * @param {string} version of the running Node, without the `v`.
 * @returns {string | null} why this Node cannot be used, in one line.
 */
export function nodeRefusal(version) {
  return Number(version.split(".")[0]) >= NODE_MAJOR_MIN
    ? null
    : `Node ${NODE_MAJOR_MIN} or newer is needed to start, this is ${version}`;
}

/** @param {string} file */
const readJson = (file) => JSON.parse(readFileSync(file, "utf8"));

/** @param {string} root @param {Record<string, string>} pins name to exact version */
function missing(root, pins) {
  return Object.entries(pins).filter(([name, version]) => {
    const file = join(root, "node_modules", name, "package.json");
    return !existsSync(file) || readJson(file).version !== version;
  });
}

/**
 * What `node_modules` lacks, without touching the network.
 * @param {string} root @param {{ dev: boolean }} want
 * @returns {{ needed: boolean, dev: boolean, stamp: string, lock: string }} `dev`: install the development packages too,
 * because they are wanted or already there.
 */
export function installationState(root, want) {
  const manifest = readJson(join(root, "package.json"));
  const lock = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  const stamp = join(root, "node_modules", ".bailiwick-install.json");
  const stamped = existsSync(stamp) ? readJson(stamp) : null;
  const devMissing = missing(root, manifest.devDependencies ?? {}).length;
  const dev = want.dev || devMissing < Object.keys(manifest.devDependencies ?? {}).length;
  const complete = missing(root, manifest.dependencies).length === 0 && (!want.dev || devMissing === 0);
  const changed = stamped !== null && stamped.lock !== lock;
  return { needed: !complete || changed, dev, stamp, lock };
}

/**
 * Installs the pinned packages when some are missing or the lock file changed since the last installation, and is silent
 * and offline otherwise. Development packages that are there stay there.
 * @param {string} root @param {{ dev: boolean }} want @param {(line: string) => void} progress
 * @returns {Promise<string | null>} why it failed, in one line.
 */
export async function install(root, want, progress) {
  const state = installationState(root, want);
  if (state.needed) {
    const started = Date.now();
    progress(`Installing the pinned packages (${state.dev ? "all" : "runtime only"}), this happens once …`);
    const ticker = setInterval(
      () => progress(`  still installing, ${Math.round((Date.now() - started) / 1000)} s`),
      10_000,
    );
    const failure = await npm(root, state.dev ? ["ci"] : ["ci", "--omit=dev"]);
    clearInterval(ticker);
    if (failure !== null) return `npm could not install the packages: ${failure}`;
    progress(`Installed in ${Math.round((Date.now() - started) / 1000)} s.`);
  }
  if (!existsSync(state.stamp) || state.needed) {
    mkdirSync(join(root, "node_modules"), { recursive: true });
    writeFileSync(state.stamp, `${JSON.stringify({ lock: state.lock })}\n`);
  }
  return null;
}

/** @param {string} root @param {string[]} args @returns {Promise<string | null>} */
function npm(root, args) {
  const script = process.env.npm_execpath;
  const [command, prefix] = script?.endsWith(".js") ? [process.execPath, [script]] : ["npm", []];
  return new Promise((resolve) => {
    const child = spawn(command, [...prefix, ...args, "--no-audit", "--no-fund", "--loglevel=error"], {
      cwd: root,
      stdio: ["ignore", "ignore", "pipe"],
      shell: process.platform === "win32" && prefix.length === 0,
    });
    let tail = "";
    child.stderr.on("data", (chunk) => {
      tail = (tail + chunk).slice(-NPM_TAIL_BYTES);
    });
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code) => resolve(code === 0 ? null : lastErrorLine(tail) || `exit status ${code}`));
  });
}

/** @param {string} text */
function lastErrorLine(text) {
  const lines = text.split("\n").map((line) => line.replace(/^npm (?:error|ERR!)\s*/, "").trim());
  return lines.find((line) => line !== "" && !/^(?:code|errno|syscall|path|A complete log)\b/.test(line)) ?? "";
}
