import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * `node test/bench/batch.ts [lines]`: lines per second of one batch over an embedded cell with the synthetic engine, 50,000
 * by default, and the most memory that the cell took meanwhile (Linux).
 */
const LINES = Number(process.argv[2] ?? 50_000);
const ENDPOINT = "/v1/chat/completions";
const PORT = 18_787;
const home = mkdtempSync(join(tmpdir(), "bailiwick-bench-batch-"));
const cell = spawn(process.execPath, ["functions/entry/embedded.ts"], {
  env: { ...process.env, BAILIWICK_HOME: home, PORT: String(PORT), HOST: "127.0.0.1" },
  stdio: ["ignore", "pipe", "inherit"],
});
await new Promise<void>((resolve) => {
  cell.stdout.on("data", (text: Buffer) => text.includes("is ready") && resolve());
});

const { api_key: key } = JSON.parse(readFileSync(join(home, "keys.json"), "utf8"));
const ask = async (path: string, init: RequestInit = {}) => {
  const response = await fetch(`http://127.0.0.1:${PORT}${path}`, {
    ...init,
    headers: { ...(init.headers as Record<string, string>), authorization: `Bearer ${key}` }, // safe because: records, below
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
};

const line = (at: number): string =>
  `${JSON.stringify({ custom_id: `c${at}`, method: "POST", url: ENDPOINT, body: { model: "synthetic-small", max_tokens: 1, messages: [{ role: "user", content: `line ${at}` }] } })}\n`;
const form = new FormData();
form.append("purpose", "batch");
form.append("file", new Blob(Array.from({ length: LINES }, (_, at) => line(at))), "lines.jsonl");
const input = await ask("/v1/files", { method: "POST", body: form });
const startMs = performance.now();
let batch = await ask("/v1/batches", {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ input_file_id: input.id, endpoint: ENDPOINT, completion_window: "24h" }),
});
while (!["completed", "failed"].includes(batch.status)) {
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  batch = await ask(`/v1/batches/${batch.id}`);
}
const seconds = (performance.now() - startMs) / 1_000;
const memory = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${cell.pid}/status`, "utf8"))?.[1];
process.stdout.write(
  `${JSON.stringify({ status: batch.status, lines: LINES, ...batch.request_counts, seconds, lines_per_s: LINES / seconds, cell_memory_kib_max: Number(memory) })}\n`,
);
cell.kill("SIGTERM");
await new Promise((resolve) => cell.once("close", resolve));
rmSync(home, { recursive: true });
