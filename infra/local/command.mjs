import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const ENTRY = join(ROOT, "functions/entry/embedded.ts");
const DEFAULT_CONFIG = join(ROOT, "infra/local/config");

/** @type {{ embedded: Record<string, string>, edge: Record<string, string>, global: Record<string, string> }} */
const ENVIRONMENT = JSON.parse(readFileSync(join(ROOT, "infra/local/environment.json"), "utf8"));

/** Files a configuration folder may hold are small; a larger one is not scanned, and the cell refuses it itself. */
const CONFIG_SCAN_BYTES_MAX = 1024 * 1024;

/**
 * Secrets that the configuration names by reference, found by a scan of the text: variables (`env:NAME`) and absolute
 * files (`file:/path`). The cell may read these and nothing else beside its own.
 * @param {string | undefined} folder
 */
export function secretReferences(folder) {
  /** @type {{ env: Set<string>, files: Set<string> }} */
  const found = { env: new Set(), files: new Set() };
  if (!folder || !existsSync(folder) || !statSync(folder).isDirectory()) return found;
  for (const name of readdirSync(folder)) {
    const file = join(folder, name);
    if (!/\.ya?ml$/.test(name) || statSync(file).size > CONFIG_SCAN_BYTES_MAX) continue;
    const text = readFileSync(file, "utf8");
    for (const match of text.matchAll(/\benv:([A-Za-z_][A-Za-z0-9_]*)/g)) found.env.add(match[1]);
    for (const match of text.matchAll(/\bfile:([^\s"',}\]]+)/g)) found.files.add(resolve(folder, match[1]));
  }
  return found;
}

/**
 * What a call makes lives for milliseconds, and in the young space that V8 begins with much of it is copied before it
 * dies. With 32 to 64 MiB the collector's threads need half the time in streams and a call 4 % less in all; the process
 * takes about 20 MiB more (peak under load: 650 → 672 MiB, PGlite included). `gc` is there for the embedded database,
 * whose making leaves some 300 MiB behind.
 */
const V8_FLAGS = "--v8-flags=--min-semi-space-size=32,--max-semi-space-size=64,--expose-gc";

/** @returns {string | null} Deno's binary from the installed packages. */
export function denoBinary() {
  const suffix = process.platform === "win32" ? ".exe" : "";
  const own = join(ROOT, "node_modules/deno", `deno${suffix}`);
  if (existsSync(own)) return own;
  const scope = join(ROOT, "node_modules/@deno");
  const platform = existsSync(scope) ? readdirSync(scope).map((name) => join(scope, name, `deno${suffix}`)) : [];
  return platform.find((file) => existsSync(file)) ?? null;
}

/** @returns {string | null} the pinned Node's binary from the installed packages. */
export function nodeBinary() {
  const own = join(ROOT, "node_modules/node/bin", process.platform === "win32" ? "node.exe" : "node");
  if (existsSync(own)) return own;
  try {
    return createRequire(import.meta.url).resolve("node/bin/node");
  } catch {
    return null;
  }
}

/**
 * The directory of cells and its keys where they are files, whose paths become absolute; they may be URLs and whole
 * documents too.
 * @param {NodeJS.ProcessEnv} env
 */
export function directoryFiles(env) {
  return ["BAILIWICK_DIRECTORY", "BAILIWICK_DIRECTORY_KEYS"].flatMap((name) => {
    const given = env[name];
    if (!given || /^(?:https?:|\s*\{)/.test(given)) return [];
    const path = resolve(given);
    env[name] = path;
    return [path];
  });
}

/** Deno counts SO_REUSEPORT as unstable. @param {NodeJS.ProcessEnv} env */
const sharing = (env) => (env.BAILIWICK_PORT_SHARED === "1" ? ["--unstable-net"] : []);

const GLOBAL_ENTRY = join(ROOT, "functions/entry/global.ts");

/**
 * How a global entry is started: it reads the project, the directory and TLS files, and writes nothing at all.
 * @param {NodeJS.ProcessEnv} env
 * @returns {{ file: string, args: string[], env: NodeJS.ProcessEnv } | { refusal: string }}
 */
export function globalCommand(env) {
  const file = denoBinary();
  if (!file) return { refusal: "Deno is not installed; delete node_modules and start again" };
  const names = Object.keys(ENVIRONMENT.global);
  /** @type {NodeJS.ProcessEnv} */
  const childEnv = {};
  for (const name of names) if (env[name] !== undefined) childEnv[name] = env[name];
  for (const name of ["TLS_CERT", "TLS_KEY"]) if (env[name]) childEnv[name] = resolve(env[name]);
  const readable = [ROOT, ...directoryFiles(childEnv), childEnv.TLS_CERT, childEnv.TLS_KEY].filter(
    (path) => path !== undefined,
  );
  return {
    file,
    args: [
      ...["run", "--quiet", "--no-prompt", "--unstable-no-legacy-abort", "--no-remote", "--cached-only", "--no-lock"],
      ...["--node-modules-dir=manual", "--allow-net", `--allow-read=${readable.join(",")}`],
      ...[`--allow-env=${names.join(",")}`, "--ignore-env", GLOBAL_ENTRY],
    ],
    env: { ...childEnv, DENO_DIR: join(ROOT, "node_modules/.cache/deno"), DENO_NO_UPDATE_CHECK: "1" },
  };
}

/** Which runtime, if it is one that cells run on. @param {NodeJS.ProcessEnv} env */
function runtimeOf(env) {
  const runtime = env.BAILIWICK_RUNTIME || "deno";
  if (runtime === "node") {
    const file = nodeBinary();
    return file
      ? { file, node: true }
      : { refusal: "the pinned Node is not installed; delete node_modules and start again" };
  }
  if (runtime !== "deno") return { refusal: "BAILIWICK_RUNTIME is deno or node" };
  const file = denoBinary();
  return file ? { file, node: false } : { refusal: "Deno is not installed; delete node_modules and start again" };
}

const EDGE_ENTRY = join(ROOT, "functions/entry/edge.ts");
const EDGE_SECRETS = ["BAILIWICK_EDGE_KEY", "BAILIWICK_ROOT_SECRET", "BAILIWICK_WORKER_SECRET"];

/**
 * How an edge without objects of its own is started: it reads the project, its configuration, TLS files and the secrets
 * that it is told the names of, and writes nothing at all.
 * @param {NodeJS.ProcessEnv} env
 * @returns {{ file: string, args: string[], env: NodeJS.ProcessEnv } | { refusal: string }}
 */
export function edgeCommand(env) {
  const config = env.BAILIWICK_CONFIG ? resolve(env.BAILIWICK_CONFIG) : DEFAULT_CONFIG;
  const secrets = secretReferences(config);
  for (const name of EDGE_SECRETS) {
    const [, source, what] = /^(env|file):(.+)$/.exec(env[name] ?? "") ?? [];
    if (source === "env") secrets.env.add(what);
    if (source === "file") secrets.files.add(resolve(what));
  }
  const names = [...Object.keys(ENVIRONMENT.edge), ...secrets.env].sort();
  /** @type {NodeJS.ProcessEnv} */
  const childEnv = {};
  for (const name of names) if (env[name] !== undefined) childEnv[name] = env[name];
  for (const name of ["BAILIWICK_CONFIG", "TLS_CERT", "TLS_KEY"]) if (env[name]) childEnv[name] = resolve(env[name]);
  for (const name of EDGE_SECRETS)
    if (env[name]?.startsWith("file:")) childEnv[name] = `file:${resolve(env[name].slice(5))}`;
  const named = directoryFiles(childEnv);
  const runtime = runtimeOf(env);
  if ("refusal" in runtime) return runtime;
  const { file } = runtime;
  if (runtime.node) return { file, args: [EDGE_ENTRY], env: childEnv };
  const readable = [ROOT, config, childEnv.TLS_CERT, childEnv.TLS_KEY, ...named, ...secrets.files].filter(
    (path) => path !== undefined,
  );
  return {
    file,
    args: [
      ...["run", "--quiet", V8_FLAGS, "--no-prompt", "--unstable-no-legacy-abort", "--no-remote", "--cached-only"],
      ...["--no-lock", "--node-modules-dir=manual", "--allow-net", `--allow-read=${readable.join(",")}`],
      ...sharing(childEnv),
      ...[`--allow-env=${names.join(",")}`, "--ignore-env", EDGE_ENTRY],
    ],
    env: { ...childEnv, DENO_DIR: join(ROOT, "node_modules/.cache/deno"), DENO_NO_UPDATE_CHECK: "1" },
  };
}

/**
 * The one place that says how an embedded cell is started and what it may touch: reads the project, its home, its
 * configuration and TLS files; writes only its home; sees only named variables; runs nothing, loads no native code and no
 * remote module. The network is open, because a list cannot widen while the cell runs: `Egress` decides there.
 * @param {NodeJS.ProcessEnv} env
 * @returns {{ file: string, args: string[], env: NodeJS.ProcessEnv, home: string } | { refusal: string }}
 */
export function embeddedCommand(env) {
  const home = env.BAILIWICK_HOME ? resolve(env.BAILIWICK_HOME) : join(ROOT, ".bailiwick");
  const config = env.BAILIWICK_CONFIG ? resolve(env.BAILIWICK_CONFIG) : DEFAULT_CONFIG;
  const secrets = secretReferences(config);
  const names = [...Object.keys(ENVIRONMENT.embedded), ...secrets.env].sort();
  /** @type {NodeJS.ProcessEnv} */
  const childEnv = {};
  for (const name of names) if (env[name] !== undefined) childEnv[name] = env[name];
  childEnv.BAILIWICK_HOME = home;
  for (const name of ["BAILIWICK_CONFIG", "TLS_CERT", "TLS_KEY"]) if (env[name]) childEnv[name] = resolve(env[name]);
  const named = directoryFiles(childEnv);
  const runtime = runtimeOf(env);
  if ("refusal" in runtime) return runtime;
  const { file } = runtime;
  if (runtime.node) return { file, args: ["--disable-warning=ExperimentalWarning", ENTRY], env: childEnv, home };
  const readable = [ROOT, home, config, childEnv.TLS_CERT, childEnv.TLS_KEY, ...named, ...secrets.files].filter(
    (path) => path !== undefined,
  );
  return {
    file,
    args: [
      "run",
      "--quiet",
      V8_FLAGS,
      "--no-prompt",
      // The request's signal then means a disconnect only, never the end of a good answer.
      "--unstable-no-legacy-abort",
      ...sharing(childEnv),
      "--no-remote",
      "--cached-only",
      "--no-lock",
      "--node-modules-dir=manual",
      "--allow-net",
      `--allow-read=${readable.join(",")}`,
      `--allow-write=${home}`,
      `--allow-env=${names.join(",")}`,
      "--ignore-env",
      ENTRY,
    ],
    // Deno keeps transpiled modules here; nothing is fetched into it.
    env: { ...childEnv, DENO_DIR: join(ROOT, "node_modules/.cache/deno"), DENO_NO_UPDATE_CHECK: "1" },
    home,
  };
}
