import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DirectorySource } from "../../infra/cli/cells.ts";
import { tenant as tenantCommand } from "../../infra/cli/tenant.ts";
import { type DeployedCell, deployment } from "../../infra/local/deployment.ts";
import { CellId, TenantId } from "../../shared/contracts/ids.ts";
import { type Cell, type CellRuntime, startCell } from "./cell.ts";
import { freePort } from "./free-port.ts";
import { type Lab, labOver, TEST_UPSTREAM_KEY, workerdDatabase } from "./lab.ts";
import { BUNDLE_SECRET } from "./policy-bundle.ts";
import { testConfig } from "./test-config.ts";
import { Upstream } from "./upstream.ts";

/** One cell of a deployment in which tenants move. */
export interface Home {
  id: string;
  cell: Cell;
  lab: Lab;
}

/** How one cell of the deployment runs. */
export interface HomePlan {
  id: string;
  runtime: CellRuntime;
  /** So many edges in processes of their own. */
  edges?: number;
}
const TWO_EMBEDDED: readonly HomePlan[] = [
  { id: "eu1", runtime: "deno" },
  { id: "eu2", runtime: "deno" },
];

/** Cells of one jurisdiction, as processes with separate homes; `us1` stands in the directory alone. */
export interface MovingCells {
  /** In the order in which they were planned. */
  homes: readonly Home[];
  folder: string;
  /** Signs a directory, one version above the last; cells look every 30 s. */
  publish(tenants: { tenant: string; cell: string; now?: string }[]): void;
  /** The same, and waits until all cells have it in force. */
  sign(tenants: { tenant: string; cell: string; now?: string }[]): Promise<void>;
  /** `npx bailiwick tenant …` as an operator of one cell; answers what it said. */
  run(home: Home, ...words: string[]): Promise<string>;
  stop(): Promise<void>;
}

/** What workerd takes as bindings in place of files, and where its parts lie. */
function asBindings(env: Record<string, string>, directory: string): Record<string, string> {
  const { BAILIWICK_DIRECTORY_KEYS: keys = "", BAILIWICK_HOME: _home, ...rest } = env;
  const parts = ["disk", "bucket", "database", "engines"];
  return {
    ...rest,
    BAILIWICK_DIRECTORY: directory,
    BAILIWICK_DIRECTORY_KEYS: readFileSync(keys, "utf8"),
    BAILIWICK_RESIDENCY: parts.map((part) => `${part}=${rest.BAILIWICK_JURISDICTION}`).join(" "),
  };
}

/** The directory over TLS, for cells that read no files. */
async function startDirectoryServer(path: string): Promise<{ url: string; stop(): Promise<void> }> {
  const own = (name: string) => readFileSync(join(import.meta.dirname, "tls", name));
  const server = createServer({ cert: own("localhost.crt"), key: own("localhost.key") }, (_request, response) => {
    response.end(readFileSync(path));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // safe because: it listens on a port
  return {
    url: `https://localhost:${port}/directory.json`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** `env` of all cells besides their own, such as a control database. */
export async function startMovingCells(
  env: Record<string, string>,
  plan: readonly HomePlan[] = TWO_EMBEDDED,
): Promise<MovingCells> {
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-moving-"));
  const cells: DeployedCell[] = [];
  for (const [id, jurisdiction] of [...plan.map(({ id }) => [id, "eu"] as const), ["us1", "us"] as const])
    cells.push({ id, jurisdiction, url: `http://127.0.0.1:${await freePort()}` });
  const deployed = deployment(folder, cells);
  deployed.sign({});
  const upstream = await new Upstream().start();
  const remote = await new Upstream({ tls: true }).start();
  const directory = await startDirectoryServer(join(folder, "directory.json"));
  const undo: (() => Promise<unknown>)[] = [() => upstream.stop(), () => remote.stop(), () => directory.stop()];
  const stop = async () => {
    for (const each of undo.reverse()) await each();
    rmSync(folder, { recursive: true, force: true });
  };
  async function start({ id, runtime, edges }: HomePlan): Promise<Home> {
    const one = cells.find((cell) => cell.id === id);
    if (one === undefined) throw new Error("no such cell");
    const database = runtime === "workerd" ? await workerdDatabase() : null;
    undo.push(async () => database?.stop());
    const own = deployed.cellEnv(one);
    const home = deployed.homeOf(id);
    mkdirSync(home, { recursive: true });
    const cell = await startCell({
      ...{ runtime, home, port: Number(new URL(one.url).port) },
      ...(edges === undefined ? {} : { edges }),
      config: testConfig({ local: upstream.url, api: remote.url }),
      env: {
        ...(runtime === "workerd" ? asBindings(own, directory.url) : own),
        // Edges hold keys, and nothing else.
        ...(edges === undefined ? {} : { BAILIWICK_RESIDENCY: `${own.BAILIWICK_RESIDENCY} keys=eu` }),
        ...{ TEST_UPSTREAM_KEY, TEST_BUNDLE_SECRET: BUNDLE_SECRET, ...env, ...database?.env },
      },
      trusted: join(import.meta.dirname, "tls/authority.crt"),
    });
    undo.push(() => cell.stop());
    const lab = labOver(
      () => cell,
      () => upstream,
      () => remote,
    );
    return { id, cell, lab };
  }
  try {
    const homes: Home[] = [];
    for (const one of plan) homes.push(await start(one));
    const publish: MovingCells["publish"] = (tenants) => {
      const rows: DirectorySource["tenants"] = tenants.map(({ tenant, cell, now }) => ({
        ...{ tenant: TenantId.parse(tenant), cell: CellId.parse(cell), transit: "refused" as const },
        ...(now === undefined ? {} : { now: CellId.parse(now) }),
      }));
      deployed.sign({ tenants: rows });
    };
    return {
      ...{ homes, folder, stop, publish },
      async sign(tenants) {
        publish(tenants);
        // They look when they start.
        await Promise.all(homes.map(({ cell }) => cell.restart()));
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
