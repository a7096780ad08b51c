import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "../../support/free-port.ts";
import { type Skipped, startProcess, type Target } from "../process-target.ts";
import { CACHE, lastLine } from "./cache.ts";

/** The newest that installs together with its dependencies on 2026-11-21. */
const VERSION = "1.106.2";
/** It imports for half a minute, and asks for a price list that a closed network does not have. */
const READY_MS_MAX = 180_000;
const MASTER_KEY = "sk-bench";

/**
 * From its page of best practices for production: errors alone in the log, no debugging, a master key, one worker for a
 * process. No database, so nothing is recorded and no budget is held: what it does here is to check one key and to translate.
 */
const config = (upstream: string): string => `model_list:
${["instant", "paced", "slow"]
  .map(
    (model) => `  - model_name: ${model}
    litellm_params: { model: openai/${model}, api_key: mock, api_base: "${upstream}" }
`,
  )
  .join("")}general_settings: { master_key: ${MASTER_KEY} }
litellm_settings: { request_timeout: 600, set_verbose: false, json_logs: true }
`;

/** LiteLLM's proxy from PyPI in a virtual environment of its own, as one process. */
export async function startLitellm(upstream: string): Promise<Target | Skipped> {
  const folder = join(CACHE, "litellm");
  const bin = join(folder, "venv/bin");
  if (!existsSync(join(bin, "litellm"))) {
    console.error("Installing LiteLLM for the comparison …");
    const run = promisify(execFile);
    mkdirSync(folder, { recursive: true });
    try {
      await run("python3", ["-m", "venv", join(folder, "venv")]);
      await run(join(bin, "pip"), ["install", "--quiet", "--only-binary", ":all:", `litellm[proxy]==${VERSION}`]);
    } catch (cause) {
      rmSync(join(folder, "venv"), { recursive: true, force: true });
      return { name: "litellm", skipped: `pip could not install it: ${lastLine(cause)}` };
    }
  }
  const scratch = mkdtempSync(join(tmpdir(), "bailiwick-bench-litellm-"));
  const file = join(scratch, "config.yaml");
  writeFileSync(file, config(upstream));
  const port = await freePort();
  return startProcess({
    name: "litellm",
    file: join(bin, "litellm"),
    args: ["--config", file, "--host", "127.0.0.1", "--port", String(port), "--num_workers", "1"],
    env: {
      LITELLM_LOG: "ERROR",
      LITELLM_MODE: "PRODUCTION",
      LITELLM_LOCAL_MODEL_COST_MAP: "True",
      LITELLM_TELEMETRY: "False",
    },
    cwd: scratch,
    port,
    readyPath: "/health/liveliness",
    readyMsMax: READY_MS_MAX,
    tenants: [{ authorization: `Bearer ${MASTER_KEY}` }],
    version: `LiteLLM ${VERSION} (PyPI), one worker, LITELLM_LOG=ERROR, master key, no database`,
    scratch,
  });
}
