import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { globalCommand, ROOT } from "../../infra/local/command.mjs";
import { type DeployedCell, deployment } from "../../infra/local/deployment.ts";
import { CellId, TenantId } from "../../shared/contracts/ids.ts";
import { type Cell, startCell } from "./cell.ts";
import { CellProcess } from "./cell-process.ts";
import { freePort } from "./free-port.ts";
import { type Lab, labOver, TEST_UPSTREAM_KEY, type Tenant, WITHOUT_DATABASE } from "./lab.ts";
import { OtlpCollector } from "./otlp-collector.ts";
import { BUNDLE_SECRET } from "./policy-bundle.ts";
import { testConfig } from "./test-config.ts";
import { Upstream } from "./upstream.ts";

/** One cell of a deployment with everything that it sends to; nothing of it is another cell's. */
export interface Place {
  lab: Lab;
  cell: Cell;
  collector: OtlpCollector;
  /** Its calls never leave the cell undecrypted. */
  stays: Tenant;
  /** Lets the global entry forward its calls. */
  passes: Tenant;
}

/** `eu1`, `us1` and the global entry: three processes with separate homes, engines and collectors. */
export interface TwoCells {
  eu: Place;
  us: Place;
  /** The global entry's base URL. */
  entry: string;
  entryProcess: CellProcess;
  /** A cell's lab whose calls go to another address. */
  through(place: Place, url: string): Lab;
  stop(): Promise<void>;
}

async function startPlace(
  cell: DeployedCell,
  env: Record<string, string>,
  home: string,
): Promise<Omit<Place, "stays" | "passes"> & { end(): Promise<void> }> {
  const collector = await new OtlpCollector().start();
  const upstream = await new Upstream().start();
  const remote = await new Upstream({ tls: true }).start();
  const ends = () => Promise.all([collector.stop(), upstream.stop(), remote.stop()]);
  const config = testConfig({ local: upstream.url, api: remote.url });
  const running = await startCell({
    runtime: "deno",
    config,
    home,
    port: Number(new URL(cell.url).port),
    env: {
      ...{ ...env, TEST_UPSTREAM_KEY, TEST_BUNDLE_SECRET: BUNDLE_SECRET },
      ...{ BAILIWICK_LOG: "debug", OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, ...WITHOUT_DATABASE },
    },
    trusted: join(import.meta.dirname, "tls/authority.crt"),
  }).catch(async (cause: unknown) => {
    await ends();
    throw cause;
  });
  const lab = labOver(
    () => running,
    () => upstream,
    () => remote,
  );
  return {
    lab,
    cell: running,
    collector,
    async end() {
      await running.stop();
      await ends();
    },
  };
}

async function tenantsOf(lab: Lab): Promise<Pick<Place, "stays" | "passes">> {
  const stays = await lab.newTenant({ content: "store" });
  const passes = await lab.newTenant({ content: "store" });
  const change = { key: lab.cell.adminKey, method: "PATCH", body: { transit: "allowed" } };
  await lab.json(`/v1/tenants/${passes.id}`, change);
  return { stays, passes };
}

export async function startTwoCells(): Promise<TwoCells> {
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-cells-"));
  const [eu1, us1, entryPort] = [await freePort(), await freePort(), await freePort()];
  const cells: [DeployedCell, DeployedCell] = [
    { id: "eu1", jurisdiction: "eu", url: `http://127.0.0.1:${eu1}` },
    { id: "us1", jurisdiction: "us", url: `http://127.0.0.1:${us1}` },
  ];
  const deployed = deployment(folder, cells);
  deployed.sign({});
  const undo: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const each of undo.reverse()) await each();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const places: Place[] = [];
    for (const cell of cells) {
      const home = deployed.homeOf(cell.id);
      const { end, ...place } = await startPlace(cell, deployed.cellEnv(cell), home);
      undo.push(end);
      places.push({ ...place, ...(await tenantsOf(place.lab)) });
    }
    const [eu, us] = places as [Place, Place]; // safe because: two cells were started
    deployed.sign({
      tenants: [eu, us].map(({ passes }, at) => ({
        cell: CellId.parse(cells[at]?.id),
        tenant: TenantId.parse(passes.id),
        transit: "allowed" as const,
      })),
    });
    const entry = `http://127.0.0.1:${entryPort}`;
    const env = { ...deployed.entryEnv(), PORT: String(entryPort), BAILIWICK_LOG: "debug" };
    const command = globalCommand(env);
    if ("refusal" in command) throw new Error(command.refusal);
    const entryProcess = new CellProcess({ ...command, cwd: ROOT }, `${entry}/readyz`);
    await entryProcess.start();
    undo.push(() => entryProcess.stop());
    return {
      ...{ eu, us, entry, entryProcess, stop },
      through: ({ cell, lab }, url) =>
        labOver(
          () => Object.create(cell, { url: { value: url } }),
          () => lab.upstream,
          () => lab.remote,
        ),
    };
  } catch (cause) {
    await stop();
    throw cause;
  }
}
