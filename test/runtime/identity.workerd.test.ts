import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, it } from "vitest";
import { freePort } from "../support/free-port.ts";
import { type OpenIdProvider, startOpenIdProvider } from "../support/openid-provider.ts";

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

const config = (port: number, issuer: string) => `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "loopback", network = (allow = ["private", "local"])),
    (name = "public", network = (allow = ["public"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "worker.js")],
  compatibilityDate = "2026-11-01",
  globalOutbound = "loopback",
  bindings = [(name = "PUBLIC_EGRESS", service = "public"), (name = "ISSUER", text = "${issuer}")],
);`;

const folder = mkdtempSync(join(tmpdir(), "bailiwick-workerd-"));
let op: OpenIdProvider;
let secret: Server;
let hits = 0;
let workerd: ChildProcess;
let url = "";

beforeAll(async () => {
  op = await startOpenIdProvider();
  secret = createServer((_request, response) => {
    hits++;
    response.end("secret");
  });
  await new Promise<void>((ready) => secret.listen(0, ready));
  await build({
    entryPoints: [path("test/runtime/identity-worker.ts")],
    outfile: join(folder, "worker.js"),
    bundle: true,
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker", "browser"],
    logLevel: "error",
  });
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  writeFileSync(join(folder, "config.capnp"), config(port, op.issuer));
  workerd = spawn(path("node_modules/.bin/workerd"), ["serve", join(folder, "config.capnp")], {
    stdio: "ignore",
  });
  const deadline = Date.now() + 20_000;
  for (;;) {
    try {
      await (await fetch(`${url}/seal`)).arrayBuffer();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((tick) => setTimeout(tick, 20));
    }
  }
}, 30_000);
afterAll(async () => {
  const ended = new Promise((done) => workerd.once("exit", done));
  workerd.kill("SIGKILL");
  await ended;
  secret.close();
  await op.stop();
  rmSync(folder, { recursive: true, force: true });
});

it("refuses private addresses at the connection on workerd, as literals and behind names", async () => {
  const { port } = secret.address() as AddressInfo; // safe because: it listens on TCP
  for (const host of ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost.localdomain", hostname()]) {
    const target = encodeURIComponent(`http://${host}:${port}/`);
    expect(await (await fetch(`${url}/get?url=${target}`)).json(), host).toHaveProperty("refused");
  }
  expect(hits).toBe(0);
});

it("authenticates a real provider's token on workerd, also when many requests need its keys at once", async () => {
  const authorization = `Bearer ${await op.clientToken("inference:invoke")}`;
  op.requests.length = 0;
  const answers = await Promise.all(
    Array.from({ length: 20 }, async () => (await fetch(url, { headers: { authorization } })).json()),
  );
  expect(answers).toEqual(Array(20).fill({ subject: "app" }));
  expect(op.requests).toEqual(["/.well-known/openid-configuration", "/jwks"]);
  expect(await (await fetch(url, { headers: { authorization: `${authorization}x` } })).json()).toEqual({
    refused: "unauthenticated",
  });
});

it("seals and opens on workerd as elsewhere", async () => {
  expect(await (await fetch(`${url}/seal`)).json()).toEqual({ ok: true });
});
