import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import { nodeBinary, ROOT } from "../../infra/local/command.mjs";
import { WORKERD_COMPATIBILITY } from "../../infra/local/workerd-config.ts";

/** A third of what the platform takes (10 MB compressed), because each isolate pays for it when it starts. */
const GZIP_BYTES_MAX = 3 * 1024 * 1024;
const wrangler = readFileSync(join(ROOT, "wrangler.toml"), "utf8");
const signer = readFileSync(join(ROOT, "wrangler.signer.toml"), "utf8");
const entry = readFileSync(join(ROOT, "wrangler.global.toml"), "utf8");
const { workerd: environment, global } = JSON.parse(readFileSync(join(ROOT, "infra/local/environment.json"), "utf8"));

describe("a deployed cell", () => {
  /** What wrangler would upload, without network. */
  function upload(cell: string, config: string) {
    const out = mkdtempSync(join(tmpdir(), "bailiwick-deploy-"));
    onTestFinished(() => rmSync(out, { recursive: true, force: true }));
    const { status, stdout, stderr } = spawnSync(
      nodeBinary() ?? process.execPath,
      [
        join(ROOT, "node_modules/wrangler/bin/wrangler.js"),
        ...["deploy", "--dry-run", "--config", config, "--env", cell, "--outdir", out],
      ],
      { cwd: ROOT, encoding: "utf8", env: { ...process.env, WRANGLER_SEND_METRICS: "false", HTTPS_PROXY: "" } },
    );
    expect(`${stdout}${stderr}`).not.toMatch(/\[(?:ERROR|WARNING)\]/);
    expect(status).toBe(0);
    return { out, stdout };
  }

  it.each(["eu1", "us1"])("%s is bundled without network, with its objects, and starts small", (cell) => {
    const { out, stdout } = upload(cell, "wrangler.toml");
    for (const [binding, name] of Object.entries(environment.objects)) expect(stdout).toContain(`${binding} (${name})`);
    expect(stdout).toContain(`env.SIGNER (bailiwick-${cell}-signer#Signer)`);
    const files = readdirSync(out);
    expect(files.filter((name) => name.endsWith("providers.yml"))).toHaveLength(1);
    const worker = readFileSync(join(out, "workerd.js"));
    expect(gzipSync(worker).length).toBeLessThan(GZIP_BYTES_MAX);
    // A host module that slipped in would fail with the first request, not here.
    expect(worker.toString("utf8")).not.toMatch(/from\s*["']node:/);
  });

  it.each(["eu1", "us1"])("%s has a signer that nobody reaches and that holds nothing but its secret", (cell) => {
    const { out, stdout } = upload(cell, "wrangler.signer.toml");
    expect(stdout).toContain("No bindings found.");
    const worker = readFileSync(join(out, "signer.js"), "utf8");
    expect(worker).not.toMatch(/from\s*["']node:/);
    expect(gzipSync(worker).length).toBeLessThan(160 * 1024);
    expect(signer).toContain(`name = "bailiwick-${cell}-signer"`);
    expect(signer).not.toMatch(/^\s*(?:routes?|vars|\[+env\.\w+\.)/m);
    expect(wrangler).not.toContain("BAILIWICK_SIGNING_KEYS =");
  });

  it("is found by a global entry that holds nothing: no object, no bucket, no service, and code of its own", () => {
    const { out, stdout } = upload("global", "wrangler.global.toml");
    expect(stdout).not.toMatch(/Durable Object|R2 Bucket|Worker {2}|KV Namespace|Queue/);
    const worker = readFileSync(join(out, "global-workerd.js"), "utf8");
    expect(worker).not.toMatch(/from\s*["']node:/);
    expect(gzipSync(worker).length).toBeLessThan(256 * 1024);
    const told = [...entry.matchAll(/^(BAILIWICK_[A-Z0-9_]+) = /gm)].map(([, name]) => name);
    for (const name of told) expect([...Object.keys(global), "BAILIWICK_PLATFORM"]).toContain(name);
    expect(told.filter((name) => /KEYS|SECRET/.test(name ?? ""))).toEqual([]);
  });

  it("runs with the compatibility that the conformance suites ran with, so that a green test means something", () => {
    expect(wrangler).toContain(`compatibility_date = "${WORKERD_COMPATIBILITY.date}"`);
    for (const flag of WORKERD_COMPATIBILITY.flags) expect(wrangler).toContain(`"${flag}"`);
  });

  it("is told nothing that the cell does not read, and no secret stands in the file", () => {
    const told = [...wrangler.matchAll(/^([A-Z][A-Z0-9_]+) = /gm)].map(([, name]) => name);
    expect(told.length).toBeGreaterThan(0);
    for (const name of told) expect(Object.keys(environment.text)).toContain(name);
    expect(told.filter((name) => /SECRET|TOKEN|URL|BOOTSTRAP/.test(name ?? ""))).toEqual([]);
  });

  it("keeps content away from the platform: no logs, no public preview, no storage outside the jurisdiction", () => {
    for (const config of [wrangler, signer, entry]) {
      expect(config).toContain("observability = { enabled = false }");
      expect(config).toContain("logpush = false");
      expect(config).toContain("workers_dev = false");
      expect(config).toContain("preview_urls = false");
      expect(config).not.toMatch(/^\[?\[?(?:env\.\w+\.)?(?:kv_namespaces|triggers|ai|queues|tail_consumers)\b/m);
    }
  });
});
