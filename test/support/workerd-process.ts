import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { freePort } from "./free-port.ts";

export interface WorkerdProcess {
  readonly url: string;
  /** Ends the process with `SIGKILL`, as a crash would. */
  kill(): Promise<void>;
  /** Starts it again over the same storage, on the same port. */
  start(): Promise<void>;
  /** Ends it and removes its storage. */
  stop(): Promise<void>;
}

/** Durable Object classes that the bundled entry exports, by the name of their binding. */
export interface WorkerdOptions {
  entry: string;
  objects: Readonly<Record<string, string>>;
}

/** Bundles a worker and serves it with `workerd serve` over real storage in a folder of its own. */
export async function startWorkerd({ entry, objects }: WorkerdOptions): Promise<WorkerdProcess> {
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-workerd-"));
  mkdirSync(join(folder, "storage"));
  await build({
    entryPoints: [entry],
    outfile: join(folder, "worker.js"),
    bundle: true,
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    logLevel: "warning",
  });
  const port = await freePort();
  writeFileSync(join(folder, "config.capnp"), config(folder, port, objects));
  const url = `http://127.0.0.1:${port}`;
  let child: ChildProcess | null = null;

  async function start(): Promise<void> {
    const started = spawn(workerdBinary(), ["serve", join(folder, "config.capnp")], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    started.stdout?.on("data", (chunk) => (output += chunk));
    started.stderr?.on("data", (chunk) => (output += chunk));
    child = started;
    const deadline = Date.now() + 20_000;
    while (!(await answers(url))) {
      if (started.exitCode !== null || Date.now() > deadline) throw new Error(`workerd did not start: ${output}`);
    }
  }
  function end(signal: NodeJS.Signals): Promise<void> {
    const running = child;
    child = null;
    if (!running || running.exitCode !== null) return Promise.resolve();
    return new Promise((resolve) => {
      running.once("exit", () => resolve());
      running.kill(signal);
    });
  }
  await start();
  return {
    url,
    start,
    kill: () => end("SIGKILL"),
    async stop() {
      await end("SIGTERM");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    await (await fetch(url)).arrayBuffer();
    return true;
  } catch {
    // Not listening yet: the caller asks again until its deadline.
    await new Promise((resolve) => setTimeout(resolve, 20));
    return false;
  }
}

function workerdBinary(): string {
  const found: unknown = createRequire(import.meta.url)("workerd");
  if (typeof found === "object" && found !== null && "default" in found) return String(found.default);
  throw new Error("the workerd package names no binary");
}

function config(folder: string, port: number, objects: WorkerdOptions["objects"]): string {
  const bindings = Object.entries(objects);
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "storage", disk = (path = "${join(folder, "storage")}", writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  compatibilityDate = "2026-11-01",
  bindings = [${bindings.map(([name, type]) => `(name = "${name}", durableObjectNamespace = "${type}")`).join(", ")}],
  durableObjectNamespaces = [${bindings.map(([, type]) => `(className = "${type}", uniqueKey = "${type}", enableSql = true)`).join(", ")}],
  durableObjectStorage = (localDisk = "storage"),
);
`;
}
