import { openBenchCell } from "./in-process/cell.ts";
import { chatBody } from "./in-process/chat.ts";
import { drive } from "./in-process/drive.ts";

/**
 * The direct lane without sockets: what is left is what the cell itself costs; run it under a profiler.
 * `node test/bench/in-process.ts [seconds] [concurrency] [unary|stream]`.
 */
const seconds = Number(process.argv[2] ?? 5);
const concurrency = Number(process.argv[3] ?? 64);
const stream = process.argv[4] === "stream";

const cell = await openBenchCell({ stream });
const body = chatBody("instant", stream);
const run = (forMs: number) => {
  const until = performance.now() + forMs;
  return drive(concurrency, async () => {
    if (performance.now() >= until) return false;
    await cell.ask("POST", "/v1/chat/completions", cell.apiKey, body);
    return true;
  });
};

await run(1_500);
const before = process.memoryUsage();
const { calls, cpuUs, elapsedMs } = await run(seconds * 1_000);
const after = process.memoryUsage();
const mib = (bytes: number) => (bytes / 1024 / 1024).toFixed(0);
console.log(
  `${((calls / elapsedMs) * 1000).toFixed(0)} calls/s, ${(cpuUs / calls).toFixed(0)} µs CPU a call, ` +
    `heap ${mib(before.heapUsed)} → ${mib(after.heapUsed)} MiB, resident ${mib(after.rss)} MiB`,
);
await cell.close();
