import { type Cell, type CellRuntime, startCell } from "../support/cell.ts";
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
export async function startCellTarget(runtime: CellRuntime, upstream: string, tenants: number): Promise<Target> {
  const cell = await startCell({ runtime, config: config(upstream), env: { BAILIWICK_LOG: "error" } });
  try {
    await ready(cell);
    const keys = [cell.apiKey];
    while (keys.length < tenants) keys.push(await newTenantKey(cell, keys.length));
    return {
      name: runtime,
      url: `${cell.url}/v1`,
      tenants: keys.map((key) => ({ authorization: `Bearer ${key}` })),
      pid: cell.pid,
      version: `Bailiwick on ${runtime}, everything on, quotas raised`,
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
async function ready(cell: Cell): Promise<void> {
  if (cell.runtime === "workerd") return;
  for (let look = 0; look < 120; look++) {
    const answer = await fetch(`${cell.url}/readyz`);
    const { status }: { status: string } = await answer.json();
    if (status === "ready") return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error("the cell did not become ready");
}

async function newTenantKey(cell: Cell, number: number): Promise<string> {
  const tenant = await post(cell, "/v1/tenants", cell.adminKey, { name: `Tenant ${number}`, privacy: "allow-api" });
  const key = await post(cell, "/v1/keys", tenant.admin_key.secret, { name: "bench", roles: ["developer"] });
  return key.secret;
}

interface Created {
  secret: string;
  admin_key: { secret: string };
}

async function post(cell: Cell, path: string, key: string, body: object): Promise<Created> {
  const response = await fetch(`${cell.url}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
  return JSON.parse(text);
}
