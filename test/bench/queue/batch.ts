import { startCell } from "../../support/cell.ts";
import { PoolWorker } from "../../support/pool-worker.ts";
import { memoryBytes, resetPeak } from "../process-stats.ts";
import { ready } from "./world.ts";

const ENDPOINT = "/v1/chat/completions";
const WORKERS = 2;
const CONCURRENCY = 64;
const LOOK_MS = 500;
const NOTE_MS = 10_000;
const BOUNDARY = "bailiwick-bench";

const CONFIG: Record<string, string> = {
  "providers.yml": "providers:\n  pool: { kind: pool, pool: local }\n",
  "models.yml":
    'models:\n  words: { provider: pool, model: words, prices: { input: "0.15", output: "0.60" }, batch_discount: 0.5 }\n',
  "tenants.yml": "tenants:\n  default: { privacy: allow-api }\n",
};

export interface BatchSize {
  lines: number;
  lineBytes: number;
  /** The batch is cancelled after so many lines: for machines on which all of them would take hours. */
  cancelAfter: number | null;
}

const ENDED = ["completed", "failed", "expired", "cancelled"];

const lineOf = (at: number, lineBytes: number): string => {
  const line = (content: string) =>
    `${JSON.stringify({
      ...{ custom_id: `c${at}`, method: "POST", url: ENDPOINT },
      body: { model: "words", max_tokens: 1, messages: [{ role: "user", content }] },
    })}\n`;
  const bare = line(`line ${at} `);
  return line(`line ${at} ${"x".repeat(Math.max(0, lineBytes - bare.length))}`);
};

/** The form, a few lines at a time: nobody here holds the whole file either. */
function upload({ lines, lineBytes }: Pick<BatchSize, "lines" | "lineBytes">): {
  body: ReadableStream<Uint8Array>;
  bytes: () => number;
} {
  const encoder = new TextEncoder();
  let at = -1;
  let bytes = 0;
  const field = (name: string, more = "") =>
    `--${BOUNDARY}\r\ncontent-disposition: form-data; name="${name}"${more}\r\n`;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (at === lines) {
          controller.enqueue(encoder.encode(`\r\n--${BOUNDARY}--\r\n`));
          return controller.close();
        }
        if (at < 0) {
          at = 0;
          const head = `${field("purpose")}\r\nbatch\r\n${field("file", '; filename="in.jsonl"')}\r\n`;
          return controller.enqueue(encoder.encode(head));
        }
        let text = "";
        while (at < lines && text.length < 256 * 1024) text += lineOf(at++, lineBytes);
        bytes += text.length;
        controller.enqueue(encoder.encode(text));
      },
    },
    { highWaterMark: 0 },
  );
  return { body, bytes: () => bytes };
}

interface BatchResult {
  custom_id: string;
  response: { status_code: number } | null;
  error: { code: string } | null;
}

/** Counts how often each line is in a file, read as it comes; `fits` says whether it belongs there. */
async function count(response: Response, counts: Uint8Array, fits: (result: BatchResult) => boolean): Promise<void> {
  let held = "";
  const one = (line: string): void => {
    const result: BatchResult = JSON.parse(line);
    const at = Number(/^c(\d+)$/.exec(result.custom_id)?.[1] ?? Number.NaN);
    const before = counts[at];
    if (before === undefined || !fits(result)) throw new Error(`a line that does not belong there: ${line}`);
    counts[at] = before + 1;
  };
  if (response.body === null) throw new Error("the output has no body");
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const whole = (held + text).split("\n");
    held = whole.pop() ?? "";
    for (const line of whole) one(line);
  }
  if (held !== "") one(held);
}

/** One batch from its upload to its output, with a worker killed halfway. Throws when it does not end. */
export async function runBatch(size: BatchSize, note: (text: string) => void) {
  const { lines, cancelAfter } = size;
  const runs = cancelAfter ?? lines;
  const cell = await startCell({ runtime: "deno", config: CONFIG, env: { BAILIWICK_LOG: "error" } });
  const workers: PoolWorker[] = [];
  const ask = async (path: string, init: RequestInit & { duplex?: "half" } = {}): Promise<Response> => {
    const headers = { ...(init.headers as Record<string, string>), authorization: `Bearer ${cell.apiKey}` }; // safe because: records, below
    const response = await fetch(`${cell.url}${path}`, { ...init, headers });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response;
  };
  try {
    await ready(cell);
    while (workers.length < WORKERS)
      workers.push(await PoolWorker.start({ name: `w${workers.length}`, cell, concurrency: CONCURRENCY }));
    const [doomed, steady] = workers;
    if (!doomed || !steady) throw new Error("two workers are needed");
    for (const { pid } of [cell, steady]) resetPeak(pid);
    const before = { cell_before: memoryBytes(cell.pid, "VmRSS"), worker_before: memoryBytes(steady.pid, "VmRSS") };
    let startMs = performance.now();
    const { body, bytes } = upload(size);
    const type = `multipart/form-data; boundary=${BOUNDARY}`;
    const sent = await ask("/v1/files", { method: "POST", body, duplex: "half", headers: { "content-type": type } });
    const input = await sent.json();
    const upload_seconds = (performance.now() - startMs) / 1_000;
    note(`${(bytes() / 1e6).toFixed(1)} MB are there after ${upload_seconds.toFixed(1)} s`);
    startMs = performance.now();
    const asked = { input_file_id: input.id, endpoint: ENDPOINT, completion_window: "24h" };
    const created = await ask("/v1/batches", {
      ...{ method: "POST", body: JSON.stringify(asked) },
      headers: { "content-type": "application/json" },
    });
    let batch = await created.json();
    let killed_after: number | null = null;
    let ran: { seconds: number; lines: number } | null = null;
    let notedMs = startMs;
    let cancelled = false;
    while (!ENDED.includes(batch.status)) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      batch = await (await ask(`/v1/batches/${batch.id}`)).json();
      const { completed } = batch.request_counts;
      if (killed_after === null && completed >= runs / 2) {
        killed_after = completed;
        await doomed.kill9();
        note(`one worker is killed after ${completed} lines`);
      }
      if (cancelAfter !== null && !cancelled && completed >= cancelAfter) {
        cancelled = true;
        ran = { seconds: (performance.now() - startMs) / 1_000, lines: completed };
        await ask(`/v1/batches/${batch.id}/cancel`, { method: "POST" });
        note(`cancelled after ${completed} lines`);
      }
      if (performance.now() - notedMs < NOTE_MS) continue;
      notedMs = performance.now();
      note(`${batch.status}: ${completed} of ${lines}, cell ${(memoryBytes(cell.pid, "VmRSS") / 1e6).toFixed(0)} MB`);
    }
    const seconds = (performance.now() - startMs) / 1_000;
    if (batch.status !== (cancelled ? "cancelled" : "completed") || !batch.output_file_id)
      throw new Error(`the batch is ${batch.status}`);
    if (killed_after === null) throw new Error("the batch was over before a worker could be killed");
    const content = (id: string) => ask(`/v1/files/${id}/content`);
    const counts = new Uint8Array(lines);
    await count(await content(batch.output_file_id), counts, ({ response }) => response?.status_code === 200);
    const answered = counts.filter((times) => times > 0).length;
    // What was cancelled says so, once for each line; anything else there is a failure.
    const fits = ({ error }: BatchResult) => cancelled && error?.code === "batch_cancelled";
    if (batch.error_file_id) await count(await content(batch.error_file_id), counts, fits);
    const measured = ran ?? { seconds, lines };
    return {
      ...{ lines, input_bytes: bytes(), upload_seconds, seconds, killed_after, answered },
      lines_per_s: measured.lines / measured.seconds,
      cancelled_lines: cancelled ? lines - answered : 0,
      lost: counts.filter((times) => times === 0).length,
      doubled: counts.filter((times) => times > 1).length,
      failed: cancelled ? 0 : batch.request_counts.failed,
      ...before,
      cell_peak: memoryBytes(cell.pid, "VmHWM"),
      worker_peak: memoryBytes(steady.pid, "VmHWM"),
    };
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
    await cell.stop();
  }
}
