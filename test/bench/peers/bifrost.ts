import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "../../support/free-port.ts";
import { type Skipped, startProcess, type Target } from "../process-target.ts";
import { CACHE, lastLine } from "./cache.ts";

const MODULE = "github.com/maximhq/bifrost/transports/bifrost-http@latest";
const INSTALL_MS_MAX = 600_000;

/** As its documents have it for one provider behind an address of one's own, with its log of requests in SQLite on. */
const config = (upstream: string, folder: string) => ({
  client: { enable_logging: true, drop_excess_requests: false, initial_pool_size: 300 },
  providers: {
    openai: {
      keys: [{ name: "mock", value: "mock", models: ["instant", "paced", "slow"], weight: 1 }],
      network_config: { base_url: upstream.replace(/\/v1$/, ""), default_request_timeout_in_seconds: 600 },
      concurrency_and_buffer_size: { concurrency: 1000, buffer_size: 5000 },
    },
  },
  config_store: { enabled: false },
  logs_store: { enabled: true, type: "sqlite", config: { path: join(folder, "logs.db") } },
});

/**
 * Bifrost's HTTP transport: the executable that the variable `BIFROST` names, else built once by `go install`. Where the
 * module proxy does not hand it out, as where this was written, it is left out; this start was never seen to succeed.
 */
export async function startBifrost(upstream: string): Promise<Target | Skipped> {
  const built = join(CACHE, "bifrost/bifrost-http");
  const file = process.env.BIFROST ?? built;
  if (!existsSync(file)) {
    mkdirSync(join(CACHE, "bifrost"), { recursive: true });
    try {
      await promisify(execFile)("go", ["install", MODULE], {
        env: { ...process.env, GOBIN: join(CACHE, "bifrost"), GOFLAGS: "-mod=mod" },
        timeout: INSTALL_MS_MAX,
      });
    } catch (cause) {
      return { name: "bifrost", skipped: `go could not install ${MODULE}: ${lastLine(cause)}` };
    }
  }
  const scratch = mkdtempSync(join(tmpdir(), "bailiwick-bench-bifrost-"));
  writeFileSync(join(scratch, "config.json"), JSON.stringify(config(upstream, scratch)));
  const port = await freePort();
  const target = await startProcess({
    name: "bifrost",
    file,
    args: ["-host", "127.0.0.1", "-port", String(port), "-app-dir", scratch, "-log-level", "error"],
    port,
    readyPath: "/health",
    tenants: [{}],
    version: "Bifrost HTTP transport, enable_logging with its SQLite store",
    scratch,
  });
  return { ...target, modelPrefix: "openai/" };
}
