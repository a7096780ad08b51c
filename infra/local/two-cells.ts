import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { CellId, TenantId } from "../../shared/contracts/ids.ts";
import { embeddedCommand, globalCommand, ROOT } from "./command.mjs";
import { crashLine } from "./crash-line.mjs";
import { type DeployedCell, deployment } from "./deployment.ts";
import { type LocalWorker, startLocalWorker } from "./worker.mjs";

const PORT = Number(process.env.PORT ?? 8790);
const FOLDER = resolve(process.env.BAILIWICK_CELLS_HOME ?? join(ROOT, ".bailiwick-cells"));
const READY_MS_MAX = 120_000;
const LOOK_MS = 100;
const CELLS: readonly DeployedCell[] = [
  { id: "eu1", jurisdiction: "eu", url: `http://127.0.0.1:${PORT + 1}` },
  { id: "us1", jurisdiction: "us", url: `http://127.0.0.1:${PORT + 2}` },
];
const ENTRY = `http://127.0.0.1:${PORT}`;

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const children = new Set<ChildProcess>();
const workers: LocalWorker[] = [];
let stopping = false;

/** A process whose errors carry its name. What it prints otherwise is not for this screen. */
function start(name: string, command: ReturnType<typeof globalCommand>): ChildProcess {
  if ("refusal" in command) throw new Error(command.refusal);
  // In a group of its own, so that one Ctrl-C is one: this process passes it on.
  const child = spawn(command.file, command.args, {
    ...{ cwd: ROOT, env: command.env, stdio: ["ignore", "ignore", "pipe"], detached: true },
  });
  const errors = crashLine((text) => process.stderr.write(`${name}: ${text}`));
  child.stderr?.setEncoding("utf8").on("data", errors.write);
  children.add(child);
  child.once("close", (code, signal) => {
    errors.end();
    children.delete(child);
    if (!stopping) say(`${name} ended with ${signal ?? code}; the others go on.`);
  });
  return child;
}

async function until(what: string, child: ChildProcess, ready: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + READY_MS_MAX;
  while (!(await ready())) {
    if (child.exitCode !== null) throw new Error(`${what} did not start`);
    if (performance.now() > deadline) throw new Error(`${what} did not answer in ${READY_MS_MAX / 1_000} s`);
    await new Promise((done) => setTimeout(done, LOOK_MS));
  }
}

const answers = async (url: string): Promise<boolean> => {
  try {
    return (await fetch(`${url}/healthz`)).ok;
  } catch {
    return false; // Nobody listens there yet.
  }
};

interface Keys {
  /** Of the tenant `default`, whose calls stay out of everything but its cell. */
  stays: string;
  /** Of a tenant that lets the global entry forward its calls. */
  passes: string;
  tenant: string;
}

/** Keys of both tenants of a cell; the one with transit is made on the first start. */
async function keysOf(url: string, home: string): Promise<Keys> {
  const { api_key: stays, admin_key: admin } = JSON.parse(readFileSync(join(home, "keys.json"), "utf8"));
  const file = join(home, "passing-tenant.json");
  if (!existsSync(file)) {
    const tenant = await post(url, "/v1/tenants", admin, { name: "Passes", transit: "allowed", privacy: "allow-api" });
    const key = await post(url, "/v1/keys", tenant.admin_key.secret, { name: "try", roles: ["developer"] });
    writeFileSync(file, `${JSON.stringify({ tenant: tenant.id, passes: key.secret })}\n`, { mode: 0o600 });
  }
  return { stays, ...JSON.parse(readFileSync(file, "utf8")) };
}

// biome-ignore lint/suspicious/noExplicitAny: the caller names the members that it reads
async function post(url: string, path: string, key: string, body: unknown): Promise<any> {
  const response = await fetch(url + path, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

async function stop(code: number): Promise<never> {
  stopping = true;
  const ended = [...children].map((child) => new Promise<void>((done) => child.once("close", () => done())));
  await Promise.all(workers.map((worker) => worker.stop()));
  for (const child of children) child.kill("SIGTERM");
  await Promise.all(ended);
  process.exit(code);
}

let asked = false;
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.on(signal, () => {
    if (asked) return;
    asked = true;
    say("\ndraining all three…");
    void stop(0);
  });

const screen = (keys: readonly Keys[]): string => {
  const [eu, us] = keys;
  const chat = (url: string, key: string, more = "") =>
    `curl -i${more === "" ? "" : "N"} ${url}/v1/chat/completions -H "authorization: Bearer ${key}" -H "content-type: application/json" -d '{"model": "synthetic-small"${more}, "messages": [{"role": "user", "content": "Hello"}]}'`;
  return `
Two cells and a global entry are ready; each has a folder of its own in ${FOLDER}.

  eu1     ${CELLS[0]?.url}
  us1     ${CELLS[1]?.url}
  entry   ${ENTRY}

1. A tenant whose calls stay in its cell asks the global entry: 421 with the base_url to use, the body unread.

  ${chat(ENTRY, eu?.stays ?? "")}

2. The same call at its own cell:

  ${chat(CELLS[0]?.url ?? "", eu?.stays ?? "")}

3. And at the wrong one: 421 again.

  ${chat(CELLS[1]?.url ?? "", eu?.stays ?? "")}

4. Tenants that allow transit are forwarded, streams too: one lives in eu1, one in us1.

  ${chat(ENTRY, eu?.passes ?? "", ', "stream": true')}
  ${chat(ENTRY, us?.passes ?? "", ', "stream": true')}

5. End us1 (kill ${children.size > 1 ? pidOf("us1") : "its process"}) and ask 4 again: 503 names us1, and eu1 goes on.

Ctrl-C drains all three; a second start keeps all state.
`;
};
const pids = new Map<string, number>();
const pidOf = (name: string): number => pids.get(name) ?? 0;

try {
  const made = deployment(FOLDER, CELLS);
  // The first directory knows the cells; the next one also who may pass.
  made.sign({});
  const startedMs = Date.now();
  const keys = await Promise.all(
    CELLS.map(async (cell) => {
      const home = made.homeOf(cell.id);
      const { port } = new URL(cell.url);
      const command = embeddedCommand({ ...process.env, ...made.cellEnv(cell), HOST: "127.0.0.1", PORT: port });
      const child = start(cell.id, command);
      pids.set(cell.id, child.pid ?? 0);
      const file = join(home, "keys.json");
      await until(
        cell.id,
        child,
        async () => existsSync(file) && statSync(file).mtimeMs >= startedMs && answers(cell.url),
      );
      workers.push(
        startLocalWorker({
          ...{ cellUrl: cell.url, cell: cell.id, jurisdiction: cell.jurisdiction, pool: "local", env: process.env },
          ...{ queueFile: join(home, "queue.sqlite"), secretFile: join(home, "worker-secret") },
          models: ["synthetic-small"],
          print(line) {
            if (!line.includes('"level":"info"')) process.stderr.write(`${cell.id}: ${line}\n`);
          },
        }),
      );
      return keysOf(cell.url, home);
    }),
  );
  made.sign({
    tenants: keys.map(({ tenant }, at) => ({
      ...{ cell: CellId.parse(CELLS[at]?.id), tenant: TenantId.parse(tenant), transit: "allowed" as const },
    })),
  });
  const entry = start(
    "entry",
    globalCommand({ ...process.env, ...made.entryEnv(), HOST: "127.0.0.1", PORT: String(PORT) }),
  );
  await until("the global entry", entry, () => answers(ENTRY));
  say(screen(keys));
} catch (cause) {
  process.stderr.write(`bailiwick: ${cause instanceof Error ? cause.message : String(cause)}\n`);
  await stop(1);
}
