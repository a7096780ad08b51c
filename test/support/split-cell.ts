import { readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { edgeCommand, ROOT } from "../../infra/local/command.mjs";
import { type Balancer, startBalancer } from "./balancer.ts";
import type { Cell, CellOptions, Keys } from "./cell.ts";
import { CellProcess, type Launch } from "./cell-process.ts";
import { freePort } from "./free-port.ts";

export interface EdgeOptions {
  runtime: "deno" | "node";
  port: number;
  /** Where the objects listen, and the home that they keep. */
  objectsUrl: string;
  home: string;
  env?: Record<string, string>;
  trusted?: string;
}

/** An edge without objects of its own, as a process; not started yet. */
export function edgeProcess({ runtime, port, objectsUrl, home, env = {}, trusted }: EdgeOptions): CellProcess {
  const command = edgeCommand({
    BAILIWICK_EDGE_KEY: `file:${join(home, "edge.key")}`,
    BAILIWICK_ROOT_SECRET: `file:${join(home, "root.key")}`,
    BAILIWICK_WORKER_SECRET: `file:${join(home, "worker-secret")}`,
    ...env,
    BAILIWICK_RUNTIME: runtime,
    BAILIWICK_OBJECTS_URL: objectsUrl,
    HOST: "127.0.0.1",
    PORT: String(port),
  });
  if ("refusal" in command) throw new Error(command.refusal);
  const trust = trusted ? { DENO_CERT: trusted, NODE_EXTRA_CA_CERTS: trusted } : {};
  return new CellProcess(
    { file: command.file, args: command.args, env: { ...command.env, ...trust }, cwd: ROOT },
    `http://127.0.0.1:${port}/healthz`,
  );
}

/** A cell in several processes, with each of them at hand. */
export interface SplitCell extends Cell {
  readonly objects: CellProcess;
  readonly edgeProcesses: readonly CellProcess[];
  /** Null before a single edge. */
  readonly balancer: Balancer | null;
  readonly objectsUrl: string;
  /** Where the objects' process answers operators. */
  readonly operatorsUrl: string;
}

export interface SplitOptions extends CellOptions {
  runtime: "deno" | "node";
  edges: number;
  /** Variables of the process of the objects alone, and of the edges alone. */
  objectsEnv?: Record<string, string>;
  edgeEnv?: Record<string, string>;
  /** The balancer asks the edges whether they are ready. */
  looks?: boolean;
}

interface Place {
  home: string;
  /** Whether the home goes with the cell. */
  own: boolean;
  /** What spreads calls over the edges. */
  port: number;
  launch(options: CellOptions, home: string, port: number): Launch;
}

/** Whether somebody listens there; who serves TLS can be asked no more without its authority. */
const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const over = (there: boolean) => {
      socket.destroy();
      resolve(there);
    };
    socket.once("connect", () => over(true));
    socket.once("error", () => over(false));
  });

/** Objects and edges in processes of their own; the cell's address is what spreads calls over the edges. */
export async function startSplitCell(options: SplitOptions, { home, own, port, launch }: Place): Promise<SplitCell> {
  const [objectsPort, operators] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${port}`;
  const env = { BAILIWICK_ENDPOINT: url, ...options.env };
  const listen = { BAILIWICK_OBJECTS_LISTEN: `127.0.0.1:${objectsPort}`, ...options.objectsEnv };
  const secure = options.objectsEnv?.TLS_CERT !== undefined;
  const objects = new CellProcess(
    launch({ ...options, env: { ...env, ...listen } }, home, operators),
    secure ? () => listens(objectsPort) : `http://127.0.0.1:${operators}/healthz`,
  );
  const objectsUrl = `${secure ? "https" : "http"}://127.0.0.1:${objectsPort}`;
  const ports: number[] = [];
  // One edge is reached as itself.
  for (let edge = 0; edge < options.edges; edge++) ports.push(options.edges === 1 ? port : await freePort());
  const config = options.config ? { BAILIWICK_CONFIG: join(home, "test-config") } : {};
  const edgeProcesses = ports.map((edgePort) =>
    edgeProcess({
      ...{ runtime: options.runtime, port: edgePort, objectsUrl, home },
      env: { ...env, ...config, ...options.edgeEnv },
      ...(options.trusted ? { trusted: options.trusted } : {}),
    }),
  );
  const edges = ports.map((edgePort) => `http://127.0.0.1:${edgePort}`);
  const start = async () => {
    await objects.start();
    await Promise.all(edgeProcesses.map((edge) => edge.start()));
  };
  const drain = async (signal?: "SIGTERM" | "SIGINT") => {
    const codes = await Promise.all(edgeProcesses.map((edge) => edge.stop(signal)));
    return [...codes, await objects.stop(signal)].find((code) => code !== 0) ?? 0;
  };
  try {
    await start();
  } catch (cause) {
    await drain();
    if (own) rmSync(home, { recursive: true, force: true });
    throw cause;
  }
  const balancer = options.edges === 1 ? null : await startBalancer(edges, { port, looks: options.looks ?? false });
  // safe because: the cell wrote this file with these members
  const keys = JSON.parse(readFileSync(join(home, "keys.json"), "utf8")) as Keys;
  return {
    ...{ runtime: options.runtime, url, edges, home, env: options.env ?? {} },
    ...{ tenant: keys.tenant, apiKey: keys.api_key, adminKey: keys.admin_key },
    ...{ objects, edgeProcesses, balancer, objectsUrl },
    operatorsUrl: `${secure ? "https" : "http"}://127.0.0.1:${operators}`,
    get pid() {
      return objects.pid;
    },
    logs: () => [objects, ...edgeProcesses].map(({ logs }) => logs).join("\n"),
    async kill9() {
      await Promise.all([objects, ...edgeProcesses].map((one) => one.kill9()));
    },
    ...{ start, drain },
    async restart() {
      const code = await drain();
      await start();
      return code;
    },
    async stop(signal) {
      const code = await drain(signal);
      await balancer?.stop();
      if (own) rmSync(home, { recursive: true, force: true });
      return code;
    },
  };
}
