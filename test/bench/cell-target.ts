import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../../infra/local/command.mjs";
import { type Cell, type CellRuntime, startCell } from "../support/cell.ts";
import { freePort } from "../support/free-port.ts";
import type { Target } from "./process-target.ts";

/**
 * Everything on: authentication, admission, durable ledger, settlement. Only the quotas are raised, so that the cell is
 * measured and not its limits.
 */
const config = (upstream: string): Record<string, string> => ({
  "providers.yml": `
providers:
  mock: { kind: openai, base_url: "${upstream}", locality: local }
`,
  "models.yml": `
models:
  instant: { provider: mock, model: instant, prices: { input: "0.15", output: "0.60" } }
  paced: { provider: mock, model: paced, prices: { input: "0.15", output: "0.60" } }
  slow: { provider: mock, model: slow, prices: { input: "0.15", output: "0.60" } }
`,
  "policies.yml": `
rates:
  key: { per_minute: 1000000, burst: 1000000 }
  user: null
  preauth_per_minute: 1000000
`,
  "tenants.yml": "tenants:\n  default: { privacy: allow-api }\n",
});

/** A cell with as many tenants as the runs need, each with its own key. */
export async function startCellTarget(
  runtime: CellRuntime,
  upstream: string,
  tenants: number,
  inspector?: number,
): Promise<Target> {
  const cell = await startCell({
    ...{ runtime, config: config(upstream), env: { BAILIWICK_LOG: "error" } },
    ...(inspector === undefined ? {} : { inspector }),
  });
  return asTarget(runtime, cell, tenants, `Bailiwick on ${runtime}, everything on, quotas raised`);
}

/** The same with edges beside it on its port, as `npm start` makes them. */
export async function startEdgesTarget(upstream: string, tenants: number): Promise<Target> {
  const [home, port] = [mkdtempSync(join(tmpdir(), "bailiwick-bench-")), await freePort()];
  const folder = join(home, "bench-config");
  mkdirSync(folder);
  for (const [name, text] of Object.entries(config(upstream))) writeFileSync(join(folder, name), text);
  const own = { BAILIWICK_HOME: home, BAILIWICK_CONFIG: folder, PORT: String(port), BAILIWICK_LOG: "error" };
  const env = { ...process.env, ...own, BAILIWICK_EDGES: String(EDGES) };
  const child = spawn(process.execPath, [join(ROOT, "infra/local/start.mjs")], {
    env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = once(child, "exit");
  let said = "";
  const up = new Promise<void>((resolve, reject) => {
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if ((said.match(/edge of local/g)?.length ?? 0) >= EDGES) resolve();
    });
    child.once("exit", () => reject(new Error(`a cell with edges did not start: ${said.slice(-500)}`)));
  });
  await up;
  const keys = JSON.parse(readFileSync(join(home, "keys.json"), "utf8"));
  const cell: Driven = {
    runtime: "deno",
    url: `http://127.0.0.1:${port}`,
    apiKey: keys.api_key,
    adminKey: keys.admin_key,
    pid: child.pid ?? 0,
    async stop() {
      child.kill("SIGTERM");
      await ended;
      rmSync(home, { recursive: true, force: true });
    },
  };
  return asTarget(
    "deno-edges",
    cell,
    tenants,
    `Bailiwick on deno with ${EDGES} edges beside it, everything on, quotas raised`,
  );
}

const EDGES = 2;

type Driven = Pick<Cell, "runtime" | "url" | "apiKey" | "adminKey" | "pid"> & { stop(): Promise<unknown> };

async function asTarget(name: string, cell: Driven, tenants: number, version: string): Promise<Target> {
  try {
    await ready(cell);
    const keys = [cell.apiKey];
    while (keys.length < tenants) keys.push(await newTenantKey(cell, keys.length));
    return {
      name,
      url: `${cell.url}/v1`,
      tenants: keys.map((key) => ({ authorization: `Bearer ${key}` })),
      pid: cell.pid,
      version,
      async stop() {
        await cell.stop();
      },
    };
  } catch (cause) {
    await cell.stop();
    throw cause;
  }
}

/** The first boot of the control database takes seconds of processor time that no call costs: it is waited for. */
async function ready(cell: Driven): Promise<void> {
  if (cell.runtime === "workerd") return;
  for (let look = 0; look < 120; look++) {
    const answer = await fetch(`${cell.url}/readyz`);
    const { status }: { status: string } = await answer.json();
    if (status === "ready") return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error("the cell did not become ready");
}

async function newTenantKey(cell: Driven, number: number): Promise<string> {
  const tenant = await post(cell, "/v1/tenants", cell.adminKey, { name: `Tenant ${number}`, privacy: "allow-api" });
  const key = await post(cell, "/v1/keys", tenant.admin_key.secret, { name: "bench", roles: ["developer"] });
  return key.secret;
}

interface Created {
  secret: string;
  admin_key: { secret: string };
}

async function post(cell: Driven, path: string, key: string, body: object): Promise<Created> {
  const response = await fetch(`${cell.url}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
  return JSON.parse(text);
}
