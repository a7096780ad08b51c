import { cpuSeconds } from "../process-stats.ts";
import { percentile, type Streamed, streamed } from "./streamed.ts";
import type { BenchWorld } from "./world.ts";

type Lane = "direct" | "queue";
const MODEL: Readonly<Record<Lane, string>> = { direct: "direct", queue: "queued" };

/** Throws unless all streams were whole: figures of broken ones say nothing. */
function whole(all: readonly Streamed[]): readonly Streamed[] {
  const broken = all.filter(({ complete }) => !complete);
  if (broken.length > 0)
    throw new Error(`${broken.length} of ${all.length} streams broke, the first with ${broken[0]?.status}`);
  return all;
}

/** Time to the first token on both lanes in turns, one caller at a time, so that both meet the same machine. */
export async function firstTokens(world: BenchWorld, calls: number) {
  const taken: Record<Lane, number[]> = { direct: [], queue: [] };
  for (const lane of ["direct", "queue"] as const)
    whole(await Promise.all(Array.from({ length: 8 }, () => streamed(world, MODEL[lane]))));
  for (let call = 0; call < calls; call++)
    for (const lane of call % 2 === 0 ? (["direct", "queue"] as const) : (["queue", "direct"] as const))
      taken[lane].push(...whole([await streamed(world, MODEL[lane])]).map(({ first_ms }) => first_ms));
  const of = (lane: Lane) => ({ p50: percentile(taken[lane], 0.5), p99: percentile(taken[lane], 0.99) });
  const [direct, queue] = [of("direct"), of("queue")];
  return {
    calls,
    direct_ms: direct,
    queue_ms: queue,
    added_ms: { p50: queue.p50 - direct.p50, p99: queue.p99 - direct.p99 },
  };
}

/** Tokens a second through one lane, with `concurrency` callers that each ask again at once. */
export async function relayed(world: BenchWorld, lane: Lane, concurrency: number, durationMs: number) {
  const { pid } = world.cell;
  const cpu = cpuSeconds(pid);
  const startMs = performance.now();
  const all: Streamed[] = [];
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (performance.now() - startMs < durationMs) all.push(await streamed(world, MODEL[lane]));
    }),
  );
  const seconds = (performance.now() - startMs) / 1_000;
  const tokens = whole(all).reduce((sum, each) => sum + each.tokens, 0);
  return {
    ...{
      lane,
      concurrency,
      seconds,
      streams: all.length,
      tokens_per_s: tokens / seconds,
      streams_per_s: all.length / seconds,
    },
    first_token_ms: {
      p50: percentile(
        all.map(({ first_ms }) => first_ms),
        0.5,
      ),
      p99: percentile(
        all.map(({ first_ms }) => first_ms),
        0.99,
      ),
    },
    cell_cpu_us_per_token: ((cpuSeconds(pid) - cpu) / tokens) * 1e6,
  };
}

/** Lines a second of one batch, from its creation to its end. */
export async function batchLines(world: BenchWorld, lane: Lane, lines: number) {
  const ask = async (path: string, init: RequestInit = {}) => {
    const headers = { ...(init.headers as Record<string, string>), authorization: `Bearer ${world.key}` }; // safe because: records, below
    const response = await fetch(`${world.cell.url}${path}`, { ...init, headers });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  const endpoint = "/v1/chat/completions";
  const text = Array.from({ length: lines }, (_, at) =>
    JSON.stringify({
      ...{ custom_id: `c${at}`, method: "POST", url: endpoint },
      body: { model: MODEL[lane], messages: [{ role: "user", content: `line ${at}` }] },
    }),
  ).join("\n");
  const form = new FormData();
  form.append("purpose", "batch");
  form.append("file", new Blob([text]), "lines.jsonl");
  const input = await ask("/v1/files", { method: "POST", body: form });
  const startMs = performance.now();
  const { id } = await ask("/v1/batches", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ input_file_id: input.id, endpoint, completion_window: "24h" }),
  });
  const done = await eventually(
    () => ask(`/v1/batches/${id}`),
    ({ status }) => status === "completed" || status === "failed",
    30 * 60_000,
  );
  const seconds = (performance.now() - startMs) / 1_000;
  if (done.request_counts.completed !== lines)
    throw new Error(`the batch ended ${done.status}: ${JSON.stringify(done.request_counts)}`);
  return { lane, lines, seconds, lines_per_s: lines / seconds };
}

/** Asks again until `seen` accepts the answer, at most for so long; answers the last one. */
async function eventually<T>(ask: () => Promise<T>, seen: (value: T) => boolean, withinMs: number): Promise<T> {
  const until = performance.now() + withinMs;
  for (;;) {
    const value = await ask();
    if (seen(value) || performance.now() > until) return value;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
