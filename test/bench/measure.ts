import { fork } from "node:child_process";
import { join } from "node:path";
import { nodeBinary, ROOT } from "../../infra/local/command.mjs";
import type { LoadResult, LoadSpec } from "./load.ts";
import { cpuSeconds, memoryBytes, resetPeak } from "./process-stats.ts";
import type { Target } from "./targets.ts";

export interface Measurement extends LoadResult {
  target: string;
  stream: boolean;
  concurrency: number;
  tenants: number;
  /** CPU of the target's processes, user and system, per request. */
  cpu_us_per_request: number | null;
  peak_memory_bytes: number | null;
}

export interface Shape {
  stream: boolean;
  concurrency: number;
  tenants: number;
  warmup_ms: number;
  duration_ms: number;
}

const MESSAGES = [
  { role: "system", content: "Answer in one short paragraph." },
  { role: "user", content: "Explain what a jurisdiction is to somebody who deploys software in several regions." },
];

/** One run of the load generator, in a process of its own, against one target. */
export async function measure(target: Target, shape: Shape): Promise<Measurement> {
  const spec: LoadSpec = {
    url: `${target.url}/chat/completions`,
    headers: target.tenants.slice(0, shape.tenants),
    body: JSON.stringify({ model: "instant", messages: MESSAGES, stream: shape.stream }),
    stream: shape.stream,
    concurrency: shape.concurrency,
    warmup_ms: shape.warmup_ms,
    duration_ms: shape.duration_ms,
  };
  const { pid } = target;
  if (pid !== null) resetPeak(pid);
  const { result, cpu } = await run(spec, () => (pid === null ? 0 : cpuSeconds(pid)));
  return {
    target: target.name,
    stream: shape.stream,
    concurrency: shape.concurrency,
    tenants: shape.tenants,
    ...result,
    cpu_us_per_request: pid === null ? null : (cpu / Math.max(1, result.requests)) * 1e6,
    peak_memory_bytes: pid === null ? null : memoryBytes(pid, "VmHWM"),
  };
}

function run(spec: LoadSpec, cpu: () => number): Promise<{ result: LoadResult; cpu: number }> {
  return new Promise((resolve, reject) => {
    const child = fork(join(ROOT, "test/bench/load.ts"), [JSON.stringify(spec)], {
      execPath: nodeBinary() ?? process.execPath,
    });
    let before = 0;
    let used = 0;
    child.on("message", (message: "measuring" | "measured" | LoadResult) => {
      if (message === "measuring") before = cpu();
      else if (message === "measured") used = cpu() - before;
      else resolve({ result: message, cpu: used });
    });
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`the load generator ended with ${code}`)));
  });
}
