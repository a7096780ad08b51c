import { spawn } from "node:child_process";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";

const ROOT = resolve(import.meta.dirname, "../..");

export interface QueuesElsewhere {
  readonly url: string;
  stop(): Promise<void>;
}

/** SQS at the given address, from inside workerd. */
export async function startWorkerQueues(sqs: string): Promise<QueuesElsewhere> {
  const bundled = await build({
    entryPoints: [join(ROOT, "test/runtime/job-queue-worker.ts")],
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
      name: "queues",
      modules: true,
      script: bundled.outputFiles[0]?.text ?? "",
      compatibilityDate: "2026-11-01",
      compatibilityFlags: ["enable_request_signal"],
      host: "127.0.0.1",
      port: 0,
      bindings: { SQS: sqs },
    }),
    telemetry: { enabled: false },
  });
  const url = await miniflare.ready;
  return { url: url.origin, stop: () => miniflare.dispose() };
}

/** A file and SQS from Deno, which may read and write the file's folder and reads no variable, as the embedded cell. */
export async function startDenoQueues(folder: string, sqs: string): Promise<QueuesElsewhere> {
  const may = [`--allow-read=${ROOT},${folder}`, `--allow-write=${folder}`, "--allow-net", "--ignore-env"];
  const fixed = ["--quiet", "--no-prompt", "--no-remote", "--cached-only", "--no-lock", "--node-modules-dir=manual"];
  const script = [join(ROOT, "test/runtime/job-queue-deno.ts"), join(folder, "queue.sqlite"), sqs];
  const child = spawn("deno", ["run", ...fixed, ...may, ...script], { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  let errors = "";
  child.stderr.on("data", (chunk) => {
    errors = (errors + chunk).slice(-4_096);
  });
  const ended = new Promise<void>((done) => child.once("exit", () => done()));
  const url = await new Promise<string>((found, reject) => {
    child.stdout.once("data", (line) => found(String(line).trim()));
    void ended.then(() => reject(new Error(`Deno ended: ${errors}`)));
  });
  return {
    url,
    async stop() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
