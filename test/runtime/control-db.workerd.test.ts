import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type neonHarness as NeonHarness, neonHarness, postgresBinaries } from "../support/control-db.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const bin = postgresBinaries();

/** A worker that asks the adapter what a tenant sees, and hands on how it was refused. */
const WORKER = (connectionString: string, endpoint: string) => `
  import { neonControlDb } from "./functions/adapters/control-db/neon.ts";
  const db = neonControlDb({ cell: "local", connectionString: ${JSON.stringify(connectionString)}, endpoint: ${JSON.stringify(endpoint)} });
  export default {
    async fetch(request) {
      const { tenant, text } = await request.json();
      try {
        return Response.json({ ready: await db.ready(), rows: await db.withTenant(tenant, [{ text, params: [] }]) });
      } catch (error) {
        return Response.json({ error: error.name });
      }
    },
  };`;

const CONFIG = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "loopback", network = (allow = ["private", "local"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "worker.js")],
  compatibilityDate = "2026-11-01",
  globalOutbound = "loopback",
);`;

describe.skipIf(bin === null)("ControlDb on workerd (skipped: no PostgreSQL on this machine)", () => {
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-workerd-"));
  let harness: Awaited<ReturnType<typeof NeonHarness>>;
  let url = "";
  let stop = async (): Promise<void> => undefined;

  beforeAll(async () => {
    harness = await neonHarness(bin ?? "");
    const db = await harness.connect({ cell: "local" });
    await db.migrate();
    const connection = harness.postgres.url("control", "cell_owner:trusted");
    await build({
      stdin: { contents: WORKER(connection, harness.proxy.endpoint), resolveDir: root, loader: "ts" },
      outfile: join(folder, "worker.js"),
      bundle: true,
      format: "esm",
      platform: "browser",
      conditions: ["workerd", "worker", "browser"],
      logLevel: "error",
    });
    writeFileSync(join(folder, "config.capnp"), CONFIG);
    const args = ["serve", join(folder, "config.capnp"), "--control-fd=3"];
    const child = spawn(join(root, "node_modules/workerd/bin/workerd"), args, {
      stdio: ["ignore", "inherit", "inherit", "pipe"],
    });
    const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    stop = async () => {
      child.kill("SIGTERM");
      await exited;
    };
    const port = await new Promise<number>((resolve, reject) => {
      child.once("exit", (code) => reject(new Error(`workerd ended with ${code}`)));
      child.stdio[3]?.on("data", (bytes: Uint8Array) => {
        const match = /"port":(\d+)/.exec(Buffer.from(bytes).toString("utf8"));
        if (match) resolve(Number(match[1]));
      });
    });
    url = `http://127.0.0.1:${port}/`;
  });
  afterAll(async () => {
    await stop();
    await harness.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const ask = async (tenant: string, text: string): Promise<unknown> =>
    (await fetch(url, { method: "POST", body: JSON.stringify({ tenant, text }) })).json();

  it("runs a tenant's transaction without sockets or Node's modules, as its role", async () => {
    expect(
      await ask("acme", "select current_user::text as role, current_setting('bailiwick.tenant') as tenant"),
    ).toEqual({
      ready: { ready: true, reason: null },
      rows: [[{ role: "bailiwick_app", tenant: "acme" }]],
    });
  });

  it("names refusals as every other adapter does, so callers on workerd tell data from outage", async () => {
    expect(await ask("acme", "select 'x'::integer as n")).toEqual({ error: "ConstraintViolation" });
    await harness.postgres.crash();
    expect(await ask("acme", "select 1 as n")).toEqual({ error: "ControlDbUnavailable" });
    await harness.postgres.start();
  });
});
