import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { parseKeyDocument } from "../../functions/adapters/signer/key-document.ts";
import { releaseOf } from "../../functions/entry/release.ts";
import { formatDsse } from "../../shared/crypto/log/dsse.ts";
import { sha256Hex } from "../../shared/crypto/sha256.ts";
import { ROOT } from "../local/command.mjs";
import { bundleWorker } from "../pools/bundle-worker.mjs";
import { cbomOf, type SourceFile, uncovered } from "./cbom.ts";
import { digestsOf, PROVENANCE_FILE } from "./folder.ts";
import { builderOf, provenanceOf, signedProvenance } from "./provenance.ts";
import { sbomOf } from "./sbom.ts";

const PRODUCT = ["functions", "durable", "shared", "policies", "gpu-workers"];

/**
 * `npm run release:build -- --keys DOCUMENT [--out FOLDER]`: bundles, SBOM, CBOM and signed provenance. The bundles are made
 * of the sources that `npm run deploy` uploads from; the release name is a digest of the same sources.
 */
const { values } = parseArgs({
  options: { out: { type: "string", default: "dist/release" }, keys: { type: "string" } },
});
if (values.keys === undefined) {
  process.stderr.write(
    "npm run release:build -- --keys DOCUMENT [--out FOLDER]   the document: npx bailiwick keys rotate --document -\n",
  );
  process.exit(2);
}
const pairs = parseKeyDocument(readFileSync(values.keys, "utf8"));
if (!pairs.ok) {
  process.stderr.write(`${values.keys}: ${pairs.error.field}: ${pairs.error.problem}\n`);
  process.exit(1);
}
const out = resolve(values.out);
if (existsSync(out) && readdirSync(out).length > 0 && !existsSync(join(out, PROVENANCE_FILE))) {
  process.stderr.write(`${out} holds something else than a release\n`);
  process.exit(1);
}
rmSync(out, { recursive: true, force: true });
const started = new Date();

for (const [config, name] of [
  ["wrangler.toml", "edge"],
  ["wrangler.signer.toml", "signer"],
] as const) {
  mkdirSync(join(out, name), { recursive: true });
  const bundled = spawnSync(
    process.execPath,
    [
      join(ROOT, "node_modules/wrangler/bin/wrangler.js"),
      ...["deploy", "--dry-run", "--config", config, "--env", "eu1", "--outdir", join(out, name)],
    ],
    { cwd: ROOT, encoding: "utf8", env: { ...process.env, WRANGLER_SEND_METRICS: "false" } },
  );
  if (bundled.status !== 0) throw new Error(`${config}: ${bundled.stderr || bundled.stdout}`);
  // Written by the bundler for people; it holds the machine's paths.
  for (const file of readdirSync(join(out, name))) if (/\.map$|^README/.test(file)) rmSync(join(out, name, file));
}
await bundleWorker(join(out, "worker"));
mkdirSync(join(out, "policies"), { recursive: true });
for (const plan of ["cell.json"]) copyFileSync(join(ROOT, "policies/plans", plan), join(out, "policies", plan));

const { version, release } = releaseOf(ROOT);
const timestamp = started.toISOString();
const lock = readFileSync(join(ROOT, "package-lock.json"), "utf8");
const sources = PRODUCT.flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true })
    .map((name) => `${folder}/${String(name)}`)
    .filter((path) => /(?<!\.test)\.ts$/.test(path))
    .sort()
    .map((path): SourceFile => ({ path, text: readFileSync(join(ROOT, path), "utf8") })),
);
const unknown = uncovered(sources);
if (unknown.length > 0) throw new Error(`cryptography without a row in infra/release/cbom.ts: ${unknown.join(", ")}`);
const write = (name: string, document: object) =>
  writeFileSync(join(out, name), `${JSON.stringify(document, null, 1)}\n`);
write("sbom.cdx.json", sbomOf(lock, { serial: randomUUID(), timestamp }));
write("cbom.cdx.json", cbomOf(sources, { serial: randomUUID(), timestamp, version }));

const git = (...args: string[]) => spawnSync("git", args, { cwd: ROOT, encoding: "utf8" }).stdout.trim();
const files = digestsOf(out);
const body = provenanceOf({
  ...{ commit: git("rev-parse", "HEAD"), dirty: git("status", "--porcelain") !== "", release, files },
  ...{ lockSha256: sha256Hex(lock), started: timestamp, finished: new Date().toISOString() },
  builder: builderOf(process.env, process.versions.node),
});
writeFileSync(join(out, PROVENANCE_FILE), formatDsse(signedProvenance(body, pairs.value, Date.now())));
process.stdout.write(`${release}: ${files.size} files in ${out}\n`);
