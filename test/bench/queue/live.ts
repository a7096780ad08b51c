import { PoolWorker } from "../../support/pool-worker.ts";
import { cpuSeconds, memoryBytes } from "../process-stats.ts";
import { startLiveEngine } from "./live-engine.ts";
import { type Streamed, streamed } from "./streamed.ts";
import type { BenchWorld } from "./world.ts";

const MIB = 1024 * 1024;
const WORKERS = 2;
/** A little above the streams of a run, for each worker. */
const CONCURRENCY = 1_024;
/** Callers that wait for their first token at once: the machine's speed says how fast streams begin. */
const BEGINNING = 48;
/** All are open for so long, while memory and processor time are read, unless the caller says otherwise. */
const HOLD_MS = 30_000;
const TOKEN_EVERY_MS = 1_000;
/** The pace of each stream while others begin: what the machine can do goes into beginning, not into tokens. */
const BEGINNING_EVERY_MS = 10_000;
/** They have to be open within this. */
const BEGIN_MS_MAX = 15 * 60_000;

export interface LiveOptions {
  holdMs?: number;
  /** The pace of each stream while all are held open. */
  everyMs?: number;
}

export const numbersIn = (text: string): number[] =>
  [...text.matchAll(/"content":" n(\d+)"/g)].map(([, n]) => Number(n));

/** How a stream of numbered tokens went wrong; null: every token once, in order, and its end. */
function wrong({ complete }: Streamed, numbers: readonly number[]): "lost" | "doubled" | null {
  if (new Set(numbers).size < numbers.length) return "doubled";
  return complete && numbers.length > 0 && numbers.every((number, at) => number === at) ? null : "lost";
}

/** Streams that are all open at once until the last one has begun and some time after; by default at a token a second each. */
export async function liveStreams(
  { cell, key }: Pick<BenchWorld, "cell" | "key">,
  count: number,
  { holdMs = HOLD_MS, everyMs = TOKEN_EVERY_MS }: LiveOptions = {},
) {
  const engine = await startLiveEngine(Math.max(everyMs, BEGINNING_EVERY_MS));
  const workers: PoolWorker[] = [];
  const memory = () => ({
    cell_mib: memoryBytes(cell.pid, "VmRSS") / MIB,
    workers_mib: workers.reduce((sum, { pid }) => sum + memoryBytes(pid, "VmRSS"), 0) / MIB,
  });
  try {
    while (workers.length < WORKERS)
      workers.push(
        await PoolWorker.start({
          ...{ name: `live${workers.length}`, cell, pool: "live", models: "live", concurrency: CONCURRENCY },
          engineUrl: engine.url,
        }),
      );
    const before = memory();
    const startMs = performance.now();
    const cpuStart = cpuSeconds(cell.pid);
    let begun = 0;
    let over = 0;
    let asked = 0;
    const streams: Promise<{ stream: Streamed; numbers: number[] }>[] = [];
    const begin = (): void => {
      if (asked === count || performance.now() - startMs > BEGIN_MS_MAX) return;
      asked++;
      const numbers: number[] = [];
      let first = true;
      const next = () => {
        if (!first) return;
        first = false;
        begin();
      };
      const one = streamed({ cell, key }, "queued-live", {
        first() {
          begun++;
          next();
        },
        text: (text) => void numbers.push(...numbersIn(text)),
      }).then((stream) => {
        over++;
        next();
        return { stream, numbers };
      });
      streams.push(one);
    };
    for (let at = 0; at < BEGINNING; at++) begin();
    for (let look = 0; begun < count && performance.now() - startMs < BEGIN_MS_MAX; look++) {
      if (look % 200 === 199) process.stderr.write(`${begun} of ${count} have begun, ${over} have ended\n`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const beginSeconds = (performance.now() - startMs) / 1_000;
    const [cpuLive, tokensLive] = [cpuSeconds(cell.pid), engine.tokens];
    engine.pace(everyMs);
    await new Promise((resolve) => setTimeout(resolve, holdMs));
    const live = begun - over;
    const during = memory();
    const [cpuHeld, tokensHeld] = [cpuSeconds(cell.pid), engine.tokens];
    engine.letGo();
    const all = await Promise.all(streams);
    const ends = all.map(({ stream, numbers }) => wrong(stream, numbers));
    const example = all.find((_, at) => ends[at] !== null);
    return {
      ...{ streams: count, live_at_once: live, begin_seconds: beginSeconds, hold_ms: holdMs, every_ms: everyMs },
      lost: count - all.length + ends.filter((end) => end === "lost").length,
      doubled: ends.filter((end) => end === "doubled").length,
      tokens_sent: engine.tokens,
      tokens_received: all.reduce((sum, { numbers }) => sum + numbers.length, 0),
      ...{ before, during },
      lost_example: example === undefined ? null : { ...example.stream, numbers: example.numbers.slice(-3) },
      cell_kib_per_stream: ((during.cell_mib - before.cell_mib) * 1024) / count,
      workers_kib_per_stream: ((during.workers_mib - before.workers_mib) * 1024) / count,
      cell_cpu_ms_per_begin: ((cpuLive - cpuStart) * 1_000) / count,
      cell_cpu_us_per_token: ((cpuHeld - cpuLive) / (tokensHeld - tokensLive)) * 1e6,
    };
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
    await engine.stop();
  }
}
