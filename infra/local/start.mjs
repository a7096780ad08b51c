import { spawn } from "node:child_process";
import { accessSync, constants, existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { embeddedCommand, ROOT } from "./command.mjs";
import { crashLine } from "./crash-line.mjs";
import { besideEdges, edgesWanted, startEdges } from "./edges.mjs";
import { install, nodeRefusal } from "./install.mjs";
import { startLocalWorker } from "./worker.mjs";

/** @param {string} line @returns {never} */
function fail(line) {
  process.stderr.write(`bailiwick: ${line}\n`);
  process.exit(1);
}

const refusal = nodeRefusal(process.versions.node);
if (refusal) fail(refusal);
const failure = await install(ROOT, { dev: false }, (line) => process.stdout.write(`${line}\n`));
if (failure) fail(failure);

const edgeCount = edgesWanted(process.env);
if (edgeCount === null) fail("BAILIWICK_EDGES is a number of processes, 0 to 64");
const environment = { ...process.env, ...(edgeCount > 0 ? await besideEdges(process.env) : {}) };
const command = embeddedCommand(environment);
if ("refusal" in command) fail(command.refusal);
prepare(command.home);

// Edges settle with the cell what they have in flight, so a terminal's Ctrl-C must not reach the cell before them.
const ordered = edgeCount > 0;
const child = spawn(command.file, command.args, {
  cwd: ROOT,
  env: command.env,
  stdio: ["inherit", "inherit", "pipe"],
  detached: ordered,
});
const stderr = crashLine((text) => process.stderr.write(text));
child.stderr.setEncoding("utf8").on("data", stderr.write);

// The child drains on its own bound; this process only waits. A terminal's Ctrl-C reaches both processes by itself (but
// where there are edges), and npm passes on what its whole group got: one signal is one, however often it arrives at once.
const ONE_SIGNAL_MS = 1_000;
let forwardedMs = Number.NEGATIVE_INFINITY;
const forward = (/** @type {NodeJS.Signals} */ signal) => {
  if (signal === "SIGINT" && process.stdin.isTTY && !ordered) return;
  if (performance.now() - forwardedMs < ONE_SIGNAL_MS) return;
  forwardedMs = performance.now();
  // It finishes what it runs while the cell drains.
  clearInterval(looking);
  void worker?.stop();
  const end = () => child.kill(signal === "SIGHUP" ? "SIGTERM" : signal);
  if (edges === null) end();
  else void edges.stop().then(end);
};
for (const signal of /** @type {NodeJS.Signals[]} */ (["SIGINT", "SIGTERM", "SIGHUP"])) process.on(signal, forward);

/** Once the cell of this start listens: `keys.json` is written then, with its endpoint. */
const startedMs = Date.now();
const keys = join(command.home, "keys.json");
const WORKER_LOOK_MS = 250;
const verbose = ["debug", "info"].includes(process.env.BAILIWICK_LOG ?? "");
/** @type {import("./worker.d.mts").LocalWorker | null} */
let worker = null;
/** @type {import("./edges.d.mts").Edges | null} */
let edges = null;
const looking = setInterval(() => {
  if (!existsSync(keys) || statSync(keys).mtimeMs < startedMs) return;
  clearInterval(looking);
  const { endpoint } = JSON.parse(readFileSync(keys, "utf8"));
  // What they say in passing is for whoever looks for it.
  const print = (/** @type {string} */ line) => {
    if (verbose || !line.includes('"level":"info"')) process.stderr.write(`${line}\n`);
  };
  if (edgeCount > 0) edges = startEdges({ count: edgeCount, env: environment, home: command.home, endpoint, print });
  // A certificate of one's own is nothing that the worker beside it trusts by itself.
  if (!endpoint.startsWith("http:")) return;
  worker = startLocalWorker({
    cellUrl: endpoint,
    cell: command.env.BAILIWICK_CELL ?? "local",
    jurisdiction: command.env.BAILIWICK_JURISDICTION ?? "local",
    pool: "local",
    queueFile: join(command.home, "queue.sqlite"),
    secretFile: join(command.home, "worker-secret"),
    models: ["synthetic-small"],
    env: process.env,
    print,
  });
}, WORKER_LOOK_MS);
looking.unref();

child.on("error", (error) => fail(`${command.file} could not be run: ${error.message}`));
child.on("close", async (code, signal) => {
  stderr.end();
  clearInterval(looking);
  await Promise.all([worker?.stop(), edges?.stop()]);
  process.exit(code ?? (signal === "SIGKILL" ? 137 : 1));
});

/** @param {string} home */
function prepare(home) {
  try {
    makeFolders(home);
    accessSync(home, constants.R_OK | constants.W_OK | constants.X_OK);
    if (!statSync(home).isDirectory()) throw new Error("it is not a folder");
  } catch (error) {
    fail(`the home ${home} cannot be written: ${error instanceof Error ? error.message : String(error)}`);
  }
  for (const name of ["TLS_CERT", "TLS_KEY", "BAILIWICK_CONFIG"]) {
    const path = process.env[name];
    if (path && !readable(path)) fail(`${name}: ${path} cannot be read`);
  }
}

/**
 * One by one: Node's own `recursive` never returns where a file system takes no folders and says that there is none (`/proc`).
 * @param {string} path
 */
function makeFolders(path) {
  if (existsSync(path)) return;
  makeFolders(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}

/** @param {string} path */
function readable(path) {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
