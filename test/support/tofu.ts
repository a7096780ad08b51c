import { execFile, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../..");
/** Where images of build machines keep providers, beside what `TOFU_PLUGIN_DIR` names. */
const MIRROR_PARENTS = ["/opt", "/usr/share", "/usr/local/share"];
/** The account of the emulator. */
export const EMULATED_ACCOUNT = "123456789012";

export interface Tofu {
  file: string;
  plugins: string;
}

/** OpenTofu, or the Terraform that reads the same modules, with a folder that has the provider; or why there is none. */
export function findTofu(env = process.env): Tofu | { missing: string } {
  const file = ["tofu", "terraform"].find((name) => spawnSync(name, ["version"], { timeout: 20_000 }).status === 0);
  if (file === undefined) return { missing: "neither tofu nor terraform is on the PATH" };
  const plugins = env.TOFU_PLUGIN_DIR ?? MIRROR_PARENTS.flatMap(subfolders).find(hasProvider);
  if (plugins === undefined || !hasProvider(plugins))
    return { missing: "no folder with the provider hashicorp/aws: TOFU_PLUGIN_DIR names none" };
  return { file, plugins };
}

const subfolders = (path: string): string[] =>
  existsSync(path) ? readdirSync(path).map((name) => join(path, name)) : [];
const hasProvider = (path: string): boolean => {
  try {
    return subfolders(path).some((host) => existsSync(join(host, "hashicorp/aws")));
  } catch {
    return false; // A file, or a folder that is not ours to read, holds no providers.
  }
};

/** What the emulator does not have: the rest of the modules is applied as it is. */
const NOT_EMULATED = {
  // moto forgets RedriveAllowPolicy, for which the provider waits.
  queues: `resource "aws_sqs_queue_redrive_allow_policy" "dead" {\n  for_each = toset([])\n}\n`,
  // moto has neither add-ons nor pod identities.
  pool: `resource "aws_eks_addon" "this" {
  for_each = toset([])
}
resource "aws_eks_pod_identity_association" "worker" {
  for_each = {}
}
resource "aws_eks_pod_identity_association" "weights" {
  count = 0
}
`,
};

/** A cell's AWS folder, copied to where state and overrides may lie, with its commands. */
export function tofuWorkspace(tofu: Tofu, cell: string, endpoint: string) {
  const home = mkdtempSync(join(tmpdir(), "bailiwick-tofu-"));
  cpSync(join(ROOT, "infra/tofu"), join(home, "infra/tofu"), { recursive: true });
  cpSync(join(ROOT, "infra/cells"), join(home, "infra/cells"), { recursive: true });
  const cwd = join(home, "infra/cells", cell, "aws");
  writeFileSync(join(cwd, "backend_override.tf"), `terraform {\n  backend "local" {}\n}\n`);
  writeFileSync(
    join(cwd, "emulator_override.tf"),
    `provider "aws" {
  allowed_account_ids         = ["${EMULATED_ACCOUNT}"]
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
}
module "cell" {
  account_id = "${EMULATED_ACCOUNT}"
}
`,
  );
  const { TF_CLI_CONFIG_FILE: _config, ...inherited } = process.env;
  const env = {
    ...inherited,
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: "AKIAEXAMPLE",
    AWS_SECRET_ACCESS_KEY: "secret",
    AWS_MAX_ATTEMPTS: "3",
    CHECKPOINT_DISABLE: "1",
    TF_IN_AUTOMATION: "1",
  };
  /** What it printed. Rejects with what it said when it fails. */
  const run = (...args: string[]): Promise<string> =>
    new Promise((done, failed) => {
      execFile(tofu.file, args, { cwd, env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) =>
        error ? failed(new Error(`${args[0]}: ${stderr || stdout || error.message}`.slice(-4_000))) : done(stdout),
      );
    });
  return {
    run,
    init: () => run("init", "-no-color", "-input=false", `-plugin-dir=${tofu.plugins}`),
    plan: async (): Promise<unknown> => {
      await run("plan", "-no-color", "-input=false", "-out=plan.bin");
      return JSON.parse(await run("show", "-json", "plan.bin"));
    },
    /** Lets the cell's own text be overridden by another. */
    override: (text: string) => writeFileSync(join(cwd, "test_override.tf"), text),
    /** Leaves out, for good, what the emulator does not have. */
    forEmulator() {
      for (const [module, text] of Object.entries(NOT_EMULATED))
        writeFileSync(join(home, "infra/tofu", module, "emulator_override.tf"), text);
    },
    apply: async (): Promise<unknown> => {
      await run("apply", "-no-color", "-input=false", "-auto-approve", "-parallelism=30");
      return JSON.parse(await run("show", "-json"));
    },
    remove: () => rmSync(home, { recursive: true, force: true }),
  };
}
