import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { embeddedCommand, ROOT } from "../../infra/local/command.mjs";
import { CellProcess } from "./cell-process.ts";
import { freePort } from "./free-port.ts";
import { type SplitCell, type SplitOptions, startSplitCell } from "./split-cell.ts";
import { prepareWorkerd, workerdBinary } from "./workerd-cell.ts";

export type CellRuntime = "deno" | "node" | "workerd";

export interface CellOptions {
  runtime: CellRuntime;
  /** Configuration file name → YAML text. Without it, what the cell brings along. */
  config?: Record<string, string>;
  /** Further variables: of the process for the embedded cell, bindings for workerd. */
  env?: Record<string, string>;
  /** A home to go on with; without it a new one that `stop` removes. */
  home?: string;
  /** Where it listens on loopback; without it a free one. */
  port?: number;
  /** PEM files that outgoing TLS trusts beside the system's. */
  trusted?: string;
  /** Variables of the embedded cell's process that the cell itself does not read, such as what a loader takes. */
  processEnv?: Record<string, string>;
  /**
   * So many edges in processes of their own, which callers reach in turn; the cell's own process keeps the objects. Without
   * it one process is both.
   */
  edges?: number;
  /** `host:port` that stands for every public address on workerd, where a receiver of the test listens. */
  publicNetwork?: string;
  /** Port on loopback of the runtime's inspector, for a profiler. */
  inspector?: number;
}

/** A whole cell as real processes, reached over HTTP like any other. */
export interface Cell {
  readonly runtime: CellRuntime;
  readonly url: string;
  readonly home: string;
  readonly tenant: string;
  /** Key of a developer of the first tenant. */
  readonly apiKey: string;
  /** Key of an operator of the cell. */
  readonly adminKey: string;
  readonly pid: number;
  /** The variables or bindings that it was given beside its own. */
  readonly env: Readonly<Record<string, string>>;
  /** Where each edge is reached by itself; without edges of its own, the cell's address. */
  readonly edges: readonly string[];
  logs(): string;
  /** Drains it and answers its exit code; the home is removed when this cell made it. */
  stop(signal?: "SIGTERM" | "SIGINT"): Promise<number | null>;
  kill9(): Promise<void>;
  /** After `kill9` or a drain: the same home, the same address. */
  start(): Promise<void>;
  /** Drains it and answers its exit code; it can be started again. */
  drain(signal?: "SIGTERM" | "SIGINT"): Promise<number | null>;
  /** Drains and starts again; answers the exit code in between. */
  restart(): Promise<number | null>;
}

export interface Keys {
  tenant: string;
  api_key: string;
  admin_key: string;
}

/** Starts a cell and resolves when it answers. Nothing of it is shared with another cell. */
export async function startCell(options: CellOptions): Promise<Cell> {
  const own = options.home === undefined;
  const home = options.home ?? mkdtempSync(join(tmpdir(), "bailiwick-cell-"));
  const port = options.port ?? (await freePort());
  const url = `http://127.0.0.1:${port}`;
  if (options.edges !== undefined && options.runtime !== "workerd")
    return startSplitCell(
      { ...options, runtime: options.runtime, edges: options.edges },
      { home, own, port, launch: launchEmbedded },
    );
  const launch =
    options.runtime === "workerd" ? await launchWorkerd(options, home, port) : launchEmbedded(options, home, port);
  const process = new CellProcess(launch, `${url}/healthz`);
  try {
    await process.start();
  } catch (cause) {
    if (own) rmSync(home, { recursive: true, force: true });
    throw cause;
  }
  // safe because: the cell, or the preparation of a workerd cell, wrote this file with these members
  const keys = JSON.parse(readFileSync(join(home, "keys.json"), "utf8")) as Keys;
  return {
    runtime: options.runtime,
    url,
    edges: [url],
    home,
    env: options.env ?? {},
    tenant: keys.tenant,
    apiKey: keys.api_key,
    adminKey: keys.admin_key,
    get pid() {
      return process.pid;
    },
    logs: () => process.logs,
    kill9: () => process.kill9(),
    start: () => process.start(),
    drain: (signal) => process.stop(signal),
    async restart() {
      const code = await process.stop();
      await process.start();
      return code;
    },
    async stop(signal) {
      const code = await process.stop(signal);
      if (own) rmSync(home, { recursive: true, force: true });
      return code;
    },
  };
}

/** As `startCell`, with each of the processes at hand. */
export async function startSplit(options: SplitOptions): Promise<SplitCell> {
  const home = options.home ?? mkdtempSync(join(tmpdir(), "bailiwick-cell-"));
  const port = options.port ?? (await freePort());
  return startSplitCell(options, { home, own: options.home === undefined, port, launch: launchEmbedded });
}

function launchEmbedded(options: CellOptions, home: string, port: number) {
  const env: Record<string, string> = {
    ...options.env,
    BAILIWICK_RUNTIME: options.runtime,
    BAILIWICK_HOME: home,
    HOST: "127.0.0.1",
    PORT: String(port),
  };
  if (options.config) {
    env.BAILIWICK_CONFIG = join(home, "test-config");
    mkdirSync(env.BAILIWICK_CONFIG, { recursive: true });
    for (const [name, text] of Object.entries(options.config)) writeFileSync(join(env.BAILIWICK_CONFIG, name), text);
  }
  const command = embeddedCommand(env);
  if ("refusal" in command) throw new Error(command.refusal);
  const trust = options.trusted ? { DENO_CERT: options.trusted, NODE_EXTRA_CA_CERTS: options.trusted } : {};
  // Deno takes it behind `run`, Node before everything.
  const at = options.runtime === "deno" ? 1 : 0;
  const inspect = options.inspector === undefined ? [] : [`--inspect=127.0.0.1:${options.inspector}`];
  return {
    file: command.file,
    args: command.args.toSpliced(at, 0, ...inspect),
    env: { ...command.env, ...trust, ...options.processEnv },
    cwd: ROOT,
  };
}

async function launchWorkerd(options: CellOptions, home: string, port: number) {
  const file = await prepareWorkerd({
    home,
    port,
    config: options.config,
    env: options.env ?? {},
    trusted: options.trusted ? [readFileSync(options.trusted, "utf8")] : [],
  });
  if (options.publicNetwork !== undefined) standFor(file, options.publicNetwork);
  const inspect = options.inspector === undefined ? [] : [`--inspector-addr=127.0.0.1:${options.inspector}`];
  return { file: workerdBinary(), args: ["serve", "--experimental", ...inspect, file], env: {}, cwd: home };
}

/** What tenants name is then sent there; the cell judges the names as ever. */
function standFor(file: string, address: string): void {
  const text = readFileSync(file, "utf8");
  const changed = text.replace(
    /^ *\(name = "public", network = .*\),$/m,
    `    (name = "public", external = (address = "${address}", http = ())),`,
  );
  if (changed === text) throw new Error("the configuration has no public network");
  writeFileSync(file, changed);
}
