import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../../../infra/local/command.mjs";
import { freePort } from "../../support/free-port.ts";
import { workerdBinary } from "../../support/workerd-cell.ts";
import { denoRun } from "../mock.ts";
import { startProcess, type Target } from "../process-target.ts";

const tenants = [{ authorization: "Bearer mock" }];

/** A proxy on Deno that does nothing but pass on: what a gateway there is held against. */
export async function startBareDeno(upstream: string): Promise<Target> {
  const port = await freePort();
  return startProcess({
    name: "bare-deno",
    ...denoRun("bare/deno-proxy.ts", String(port), new URL(upstream).origin),
    port,
    readyPath: "/v1/models",
    tenants,
    version: "a pass-through of four lines on Deno",
  });
}

/** The same on raw workerd. */
export async function startBareWorkerd(upstream: string): Promise<Target> {
  const port = await freePort();
  const scratch = mkdtempSync(join(tmpdir(), "bailiwick-bench-bare-"));
  writeFileSync(join(scratch, "proxy.js"), readFileSync(join(ROOT, "test/bench/bare/workerd-proxy.js")));
  writeFileSync(join(scratch, "proxy.capnp"), workerdConfig(port, new URL(upstream).origin));
  return startProcess({
    name: "bare-workerd",
    file: workerdBinary(),
    args: ["serve", join(scratch, "proxy.capnp")],
    port,
    readyPath: "/v1/models",
    tenants,
    version: "a pass-through of four lines on raw workerd",
    scratch,
  });
}

const workerdConfig = (port: number, upstream: string) => `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "proxy", worker = (
      modules = [(name = "proxy.js", esModule = embed "proxy.js")],
      compatibilityDate = "2026-11-01",
      bindings = [(name = "UPSTREAM", text = "${upstream}")],
      globalOutbound = "internet",
    )),
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "proxy")],
);
`;
