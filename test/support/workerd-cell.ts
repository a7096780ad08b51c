import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatKeyDocument } from "../../functions/adapters/signer/key-document.ts";
import { firstPair } from "../../functions/adapters/signer/new-pair.ts";
import { configBindings } from "../../functions/entry/config-bindings.ts";
import { releaseOf } from "../../functions/entry/release.ts";
import { mintBootstrap } from "../../infra/local/bootstrap.ts";
import { ROOT } from "../../infra/local/command.mjs";
import { bundleWorker, workerdConfig } from "../../infra/local/workerd-config.ts";
import { encodeBase64url } from "../../shared/crypto/base64url.ts";
import { workerdBucket } from "./workerd-bucket.ts";

const CELL = "local";
const TENANT = "default";
const TEXT_BINDINGS: readonly string[] = Object.keys(
  JSON.parse(readFileSync(join(ROOT, "infra/local/environment.json"), "utf8")).workerd.text,
);

export const workerdBinary = (): string => join(ROOT, "node_modules/workerd/bin/workerd");

const bundled = new Map<string, Promise<string>>();
/** One bundle of each entry serves every cell of a test process. */
function bundle(entry: "workerd" | "signer"): Promise<string> {
  const made =
    bundled.get(entry) ??
    (async () => {
      const file = join(tmpdir(), `bailiwick-${entry}-${process.pid}.js`);
      await bundleWorker(`functions/entry/${entry}.ts`, `${file}.part`);
      renameSync(`${file}.part`, file);
      return file;
    })();
  bundled.set(entry, made);
  return made;
}

/**
 * Writes everything that `workerd serve` needs into the home: module, configuration and, for a new home, a root secret
 * and `keys.json`. Answers the configuration file.
 */
export async function prepareWorkerd(options: {
  home: string;
  port: number;
  config: Record<string, string> | undefined;
  env: Record<string, string>;
  trusted: readonly string[];
}): Promise<string> {
  const { home, port, env } = options;
  const state = join(home, "state");
  mkdirSync(state, { recursive: true });
  writeFileSync(join(home, "cell.js"), readFileSync(await bundle("workerd")));
  writeFileSync(join(home, "signer.js"), readFileSync(await bundle("signer")));
  const set = await secrets(home, env.BAILIWICK_CELL ?? CELL);
  const names = (own: boolean) =>
    Object.fromEntries(Object.entries(env).filter(([name]) => TEXT_BINDINGS.includes(name) === own));
  const { BAILIWICK_CONFIG_JSON: whole = "", ...parts } = configBindings(JSON.stringify(options.config ?? {}));
  const file = join(home, "cell.capnp");
  writeFileSync(
    file,
    workerdConfig({
      host: "127.0.0.1",
      port,
      state,
      module: "cell.js",
      text: {
        BAILIWICK_CELL: CELL,
        BAILIWICK_JURISDICTION: "local",
        BAILIWICK_ENDPOINT: `http://127.0.0.1:${port}`,
        BAILIWICK_RELEASE: releaseOf(ROOT).release,
        BAILIWICK_CONFIG_JSON: whole,
        BAILIWICK_ROOT_SECRET: set.root,
        BAILIWICK_BOOTSTRAP: set.bootstrap,
        ...names(true),
      },
      secrets: { ...parts, ...names(false) },
      signer: { module: "signer.js", keys: set.signing },
      beside: workerdBucket(home),
      trusted: options.trusted,
    }),
  );
  return file;
}

async function secrets(home: string, cell: string): Promise<{ root: string; bootstrap: string; signing: string }> {
  const file = join(home, "secrets.json");
  if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8"));
  const root = randomBytes(32);
  const minted = await mintBootstrap({ cell, tenant: TENANT, root });
  const set = {
    root: encodeBase64url(root),
    bootstrap: JSON.stringify(minted.bootstrap),
    signing: formatKeyDocument([firstPair(Date.now())]).trimEnd(),
  };
  writeFileSync(file, JSON.stringify(set), { mode: 0o600 });
  const keys = { tenant: TENANT, api_key: minted.apiKey, admin_key: minted.adminKey };
  writeFileSync(join(home, "keys.json"), JSON.stringify(keys), { mode: 0o600 });
  return set;
}
