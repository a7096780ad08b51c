import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { denoBinary, nodeBinary, ROOT } from "../../infra/local/command.mjs";
import { freePort } from "../support/free-port.ts";

/**
 * The comparison. Its newest permitted @hono/node-server (1.19) answers 500 to every stream ("immutable" headers), so the
 * last minor version that streams is pinned beside it.
 */
const PORTKEY = {
  private: true,
  dependencies: { "@portkey-ai/gateway": "1.15.2" },
  overrides: { "@hono/node-server": "1.13.8" },
};
const CACHE = join(ROOT, "test/bench/.cache");
const READY_MS_MAX = 60_000;

/** Something that a load run can be pointed at. */
export interface Target {
  name: string;
  /** Base URL that ends in `/v1`. */
  url: string;
  /** Headers of each tenant that the target was prepared with. */
  tenants: Record<string, string>[];
  /** Null for a target whose process is not measured. */
  pid: number | null;
  stop(): Promise<void>;
}

/** The instant upstream, which is also the direct baseline. */
export async function startMock(): Promise<Target> {
  const port = await freePort();
  const deno = denoBinary();
  if (!deno) throw new Error("Deno is not installed");
  const script = join(ROOT, "test/bench/mock-upstream.ts");
  const child = spawn(deno, ["run", "--quiet", "--no-lock", "--no-prompt", "--allow-net", script, String(port)], {
    env: { ...process.env, DENO_DIR: join(ROOT, "node_modules/.cache/deno") },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const url = `http://127.0.0.1:${port}/v1`;
  await ready(`${url}/models`, child);
  return {
    name: "direct",
    url,
    tenants: [{ authorization: "Bearer mock" }],
    pid: child.pid ?? null,
    stop: () => end(child),
  };
}

/** Portkey's gateway from npm, kept in a cache folder: the comparison that every run makes anew on this machine. */
export async function startPortkey(upstream: string): Promise<Target> {
  const folder = join(CACHE, "portkey");
  const entry = join(folder, "node_modules/@portkey-ai/gateway/build/start-server.js");
  if (!existsSync(entry)) {
    console.error("Installing Portkey AI Gateway for the comparison …");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), JSON.stringify(PORTKEY));
    await promisify(execFile)("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error"], {
      cwd: folder,
    });
  }
  const port = await freePort();
  const child = spawn(nodeBinary() ?? process.execPath, [entry, `--port=${port}`, "--headless"], {
    env: { ...process.env, NODE_ENV: "production" },
    stdio: "ignore",
  });
  const headers = {
    authorization: "Bearer mock",
    "x-portkey-provider": "openai",
    "x-portkey-custom-host": upstream,
  };
  await ready(`http://127.0.0.1:${port}/`, child);
  return {
    name: "portkey",
    url: `http://127.0.0.1:${port}/v1`,
    tenants: [headers],
    pid: child.pid ?? null,
    stop: () => end(child),
  };
}

async function ready(url: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + READY_MS_MAX;
  for (;;) {
    try {
      await (await fetch(url)).arrayBuffer();
      return;
    } catch (cause) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`${url} does not answer`, { cause });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null) return resolve();
    child.once("exit", () => resolve());
    child.kill("SIGKILL");
  });
}
