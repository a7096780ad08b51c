import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DirectorySource } from "../../infra/cli/cells.ts";
import { tenant as tenantCommand } from "../../infra/cli/tenant.ts";
import { type DeployedCell, deployment } from "../../infra/local/deployment.ts";
import { CellId, TenantId } from "../../shared/contracts/ids.ts";
import { type Cell, startCell } from "./cell.ts";
import { freePort } from "./free-port.ts";
import { type Lab, labOver, TEST_UPSTREAM_KEY } from "./lab.ts";
import { BUNDLE_SECRET } from "./policy-bundle.ts";
import { testConfig } from "./test-config.ts";
import { Upstream } from "./upstream.ts";

/** One cell of a deployment in which tenants move. */
export interface Home {
  id: string;
  cell: Cell;
  lab: Lab;
}

/** `eu1` and `eu2` of one jurisdiction, as processes with separate homes; `us1` stands in the directory alone. */
export interface MovingCells {
  eu1: Home;
  eu2: Home;
  folder: string;
  /** Signs a directory, one version above the last, and waits until both cells have it in force. */
  sign(tenants: { tenant: string; cell: string; now?: string }[]): Promise<void>;
  /** `npx bailiwick tenant …` as an operator of one cell; answers what it said. */
  run(home: Home, ...words: string[]): Promise<string>;
  stop(): Promise<void>;
}

/** `env` of both cells besides their own, such as a control database. */
export async function startMovingCells(env: Record<string, string>): Promise<MovingCells> {
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-moving-"));
  const cells: DeployedCell[] = [];
  for (const [id, jurisdiction] of [
    ["eu1", "eu"],
    ["eu2", "eu"],
    ["us1", "us"],
  ] as const)
    cells.push({ id, jurisdiction, url: `http://127.0.0.1:${await freePort()}` });
  const deployed = deployment(folder, cells);
  deployed.sign({});
  const upstream = await new Upstream().start();
  const remote = await new Upstream({ tls: true }).start();
  const undo: (() => Promise<unknown>)[] = [() => upstream.stop(), () => remote.stop()];
  const stop = async () => {
    for (const each of undo.reverse()) await each();
    rmSync(folder, { recursive: true, force: true });
  };
  async function start(at: number): Promise<Home> {
    const one = cells[at];
    if (one === undefined) throw new Error("no such cell");
    const cell = await startCell({
      runtime: "deno",
      config: testConfig({ local: upstream.url, api: remote.url }),
      home: deployed.homeOf(one.id),
      port: Number(new URL(one.url).port),
      env: { ...deployed.cellEnv(one), TEST_UPSTREAM_KEY, TEST_BUNDLE_SECRET: BUNDLE_SECRET, ...env },
      trusted: join(import.meta.dirname, "tls/authority.crt"),
    });
    undo.push(() => cell.stop());
    const lab = labOver(
      () => cell,
      () => upstream,
      () => remote,
    );
    return { id: one.id, cell, lab };
  }
  try {
    const [eu1, eu2] = [await start(0), await start(1)];
    return {
      ...{ eu1, eu2, folder, stop },
      async sign(tenants) {
        const rows: DirectorySource["tenants"] = tenants.map(({ tenant, cell, now }) => ({
          ...{ tenant: TenantId.parse(tenant), cell: CellId.parse(cell), transit: "refused" as const },
          ...(now === undefined ? {} : { now: CellId.parse(now) }),
        }));
        deployed.sign({ tenants: rows });
        // They look every 30 s, and when they start.
        await Promise.all([eu1, eu2].map(({ cell }) => cell.restart()));
      },
      async run({ cell }, ...words) {
        let said = "";
        const say = (text: string) => {
          said += text;
        };
        const variables: Record<string, string> = { BAILIWICK_ENDPOINT: cell.url, BAILIWICK_API_KEY: cell.adminKey };
        await tenantCommand(words, {
          ...{ out: say, err: say, variable: (name) => variables[name] },
          input: () => Promise.reject(new Error("unused")),
        });
        return said;
      },
    };
  } catch (cause) {
    await stop();
    throw cause;
  }
}

/** Public keys of several homes as one document. */
export async function keysOf(cells: MovingCells, homes: readonly Home[], name: string): Promise<string> {
  const paths: string[] = [];
  for (const home of homes) {
    const path = join(cells.folder, `keys-${home.id}.json`);
    writeFileSync(path, JSON.stringify(await home.lab.json("/.well-known/bailiwick-keys.json")));
    paths.push(path);
  }
  const out = join(cells.folder, name);
  const [first] = homes;
  if (first === undefined) throw new Error("keys of no home");
  writeFileSync(out, await cells.run(first, "keys", ...paths));
  return out;
}
