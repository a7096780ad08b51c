import { join } from "node:path";
import { denoBinary, ROOT } from "../../infra/local/command.mjs";
import { freePort } from "../support/free-port.ts";
import { startProcess, type Target } from "./process-target.ts";

/** Deno from the installed packages, and what a script of the bench is run with. */
export function denoRun(
  script: string,
  ...args: string[]
): { file: string; args: string[]; env: Record<string, string> } {
  const file = denoBinary();
  if (file === null) throw new Error("Deno is not installed");
  return {
    file,
    args: ["run", "--quiet", "--no-lock", "--no-prompt", "--allow-net", join(ROOT, "test/bench", script), ...args],
    env: { DENO_DIR: join(ROOT, "node_modules/.cache/deno") },
  };
}

/** The upstream that answers at once or paced, which is also the direct baseline. */
export async function startMock(): Promise<Target> {
  const port = await freePort();
  return startProcess({
    name: "direct",
    ...denoRun("mock-upstream.ts", String(port)),
    port,
    readyPath: "/v1/models",
    tenants: [{ authorization: "Bearer mock" }],
    version: "the mock upstream itself",
  });
}
