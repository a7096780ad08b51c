import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { globalCommand, ROOT } from "../../infra/local/command.mjs";
import { deployment } from "../../infra/local/deployment.ts";
import { CellId, KeyId, TenantId } from "../../shared/contracts/ids.ts";
import { mintApiKey } from "../../shared/crypto/api-key.ts";
import { CellProcess } from "../support/cell-process.ts";
import { freePort } from "../support/free-port.ts";
import type { Target } from "./process-target.ts";

/** The global entry before the instant upstream, in a cell's place: against `direct` it is what forwarding adds. */
export async function startGlobalTarget(upstream: string): Promise<Target> {
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-bench-"));
  const names = { cell: CellId.parse("eu1"), tenant: TenantId.parse("bench"), kid: KeyId.parse("0123456789ab") };
  const deployed = deployment(folder, [{ id: "eu1", jurisdiction: "eu", url: upstream.replace(/\/v1$/, "") }]);
  deployed.sign({ tenants: [{ cell: names.cell, tenant: names.tenant, transit: "allowed" }] });
  const port = await freePort();
  const command = globalCommand({ ...deployed.entryEnv(), PORT: String(port) });
  if ("refusal" in command) throw new Error(command.refusal);
  const process = new CellProcess({ ...command, cwd: ROOT }, `http://127.0.0.1:${port}/readyz`);
  await process.start();
  const random = () => crypto.getRandomValues(new Uint8Array(32));
  return {
    name: "global",
    url: `http://127.0.0.1:${port}/v1`,
    tenants: [{ authorization: `Bearer ${mintApiKey(names, random(), random()).text}` }],
    pid: process.pid,
    version: "Bailiwick's global entry on Deno, which forwards to the mock upstream",
    async stop() {
      await process.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
