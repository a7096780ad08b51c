import { spawn } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";

const ROOT = resolve(import.meta.dirname, "../..");

export interface StoresElsewhere {
  readonly url: string;
  stop(): Promise<void>;
}

/** Stores inside workerd: R2 as miniflare simulates it, S3 at the given address. */
export async function startWorkerStores(s3: string): Promise<StoresElsewhere> {
  const bundled = await build({
    entryPoints: [join(ROOT, "test/runtime/object-store-worker.ts")],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    platform: "browser",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    logLevel: "warning",
  });
  const miniflare = new Miniflare({
    ...convertV4MiniflareOptions({
      name: "stores",
      modules: true,
      script: bundled.outputFiles[0]?.text ?? "",
      compatibilityDate: "2026-11-01",
      compatibilityFlags: ["enable_request_signal"],
      host: "127.0.0.1",
      port: 0,
      r2Buckets: { BUCKET: "objects" },
      bindings: { S3: s3 },
    }),
    telemetry: { enabled: false },
  });
  const url = await miniflare.ready;
  return { url: url.origin, stop: () => miniflare.dispose() };
}

/** Stores under Deno, which may read and write its folder of objects and reads no variable, as the embedded cell. */
export async function startDenoStores(s3: string): Promise<StoresElsewhere> {
  const home = realpathSync(mkdtempSync(join(tmpdir(), "bailiwick-objects-")));
  const root = join(home, "objects");
  const child = spawn(
    "deno",
    [
      "run",
      "--quiet",
      "--no-prompt",
      "--no-remote",
      "--cached-only",
      "--no-lock",
      "--node-modules-dir=manual",
      `--allow-read=${ROOT},${home}`,
      `--allow-write=${home}`,
      "--allow-net",
      "--ignore-env",
      join(ROOT, "test/runtime/object-store-deno.ts"),
      root,
      s3,
    ],
    { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] },
  );
  let stopped = false;
  let errors = "";
  const ended = new Promise<void>((done) =>
    child.once("exit", (code, signal) => {
      if (!stopped) console.error(`Deno ended by itself: ${code ?? signal} ${errors}`);
      done();
    }),
  );
  child.stderr.on("data", (chunk) => {
    errors = (errors + chunk).slice(-4_096);
  });
  const url = await new Promise<string>((found, reject) => {
    child.stdout.once("data", (line) => found(String(line).trim()));
    void ended.then(() => reject(new Error("Deno did not start")));
  });
  return {
    url,
    async stop() {
      stopped = true;
      child.kill("SIGKILL");
      await ended;
      rmSync(home, { recursive: true, force: true });
    },
  };
}
