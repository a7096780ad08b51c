import { execFile } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { nodeBinary } from "../../../infra/local/command.mjs";
import { freePort } from "../../support/free-port.ts";
import { type Skipped, startProcess, type Target } from "../process-target.ts";
import { CACHE, lastLine } from "./cache.ts";

const VERSION = "1.15.2";
/**
 * Its newest permitted @hono/node-server (1.19) answers 500 to every stream ("immutable" headers), so the last minor
 * version that streams is pinned beside it.
 */
const MANIFEST = {
  private: true,
  dependencies: { "@portkey-ai/gateway": VERSION },
  overrides: { "@hono/node-server": "1.13.8" },
};

/** Portkey's gateway from npm, kept in a cache folder: a pass-through without authentication or records. */
export async function startPortkey(upstream: string): Promise<Target | Skipped> {
  const folder = join(CACHE, "portkey");
  const entry = join(folder, "node_modules/@portkey-ai/gateway/build/start-server.js");
  if (!existsSync(entry)) {
    console.error("Installing Portkey AI Gateway for the comparison …");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), JSON.stringify(MANIFEST));
    try {
      await promisify(execFile)("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: folder });
    } catch (cause) {
      return { name: "portkey", skipped: `npm could not install it: ${lastLine(cause)}` };
    }
  }
  const port = await freePort();
  return startProcess({
    name: "portkey",
    file: nodeBinary() ?? process.execPath,
    args: [entry, `--port=${port}`, "--headless"],
    env: { NODE_ENV: "production" },
    port,
    readyPath: "/",
    tenants: [{ authorization: "Bearer mock", "x-portkey-provider": "openai", "x-portkey-custom-host": upstream }],
    version: `Portkey AI Gateway ${VERSION} (npm) on Node ${process.versions.node}, --headless`,
  });
}
