import { cpSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { build } from "esbuild";

const ROOT = resolve(import.meta.dirname, "../..");

/**
 * Makes a worker that needs Node and nothing else: one module of two megabytes, and the manifest that names its version.
 * @param {string} folder
 */
export async function bundleWorker(folder) {
  mkdirSync(join(folder, "gpu-workers"), { recursive: true });
  cpSync(join(ROOT, "package.json"), join(folder, "package.json"));
  await build({
    ...{ entryPoints: [join(ROOT, "gpu-workers/main.ts")], outfile: join(folder, "gpu-workers/main.mjs") },
    ...{ bundle: true, platform: "node", format: "esm", target: "node24", legalComments: "eof", logLevel: "error" },
    // The queue's SDK is partly CommonJS.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  });
}

if (process.argv[1] === import.meta.filename) await bundleWorker(resolve(process.argv[2] ?? "dist/worker"));
