import { fork } from "node:child_process";
import { join } from "node:path";
import { nodeBinary, ROOT } from "../../infra/local/command.mjs";
import type { LoadResult, LoadSpec } from "./load.ts";
import { cpuSeconds, machineSeconds, memoryBytes, resetPeak } from "./process-stats.ts";
import type { Target } from "./process-target.ts";

export interface Measurement extends LoadResult {
  target: string;
  stream: boolean;
  concurrency: number;
  tenants: number;
  /** CPU of the target's processes, user and system, per request. */
  cpu_us_per_request: number | null;
  peak_memory_bytes: number | null;
  /** Share of the machine that neither the target nor what drives and answers it used meanwhile: other work, stolen time. */
  elsewhere_share: number;
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

/** One run of the load generator, in a process of its own, against one target; `ours` are the processes that answer it. */
export async function measure(target: Target, shape: Shape, ours: readonly number[]): Promise<Measurement> {
  const spec: LoadSpec = {
    url: `${target.url}/chat/completions`,
    headers: target.tenants.slice(0, shape.tenants),
    body: JSON.stringify({ model: `${target.modelPrefix ?? ""}instant`, messages: MESSAGES, stream: shape.stream }),
    stream: shape.stream,
    concurrency: shape.concurrency,
    warmup_ms: shape.warmup_ms,
    duration_ms: shape.duration_ms,
  };
  const { pid } = target;
  if (pid !== null) resetPeak(pid);
  const { result, cpu, elsewhere_share } = await run(spec, pid, ours);
  return {
    target: target.name,
    stream: shape.stream,
    concurrency: shape.concurrency,
    tenants: shape.tenants,
    ...result,
    cpu_us_per_request: pid === null ? null : (cpu / Math.max(1, result.requests)) * 1e6,
    peak_memory_bytes: pid === null ? null : memoryBytes(pid, "VmHWM"),
    elsewhere_share,
  };
}

/** Seconds of the target, and of the machine for all others than those who take part. */
function reading(pid: number | null, all: readonly number[]) {
  const { total, idle } = machineSeconds();
  const ours = [...new Set(all)].reduce((sum, member) => sum + cpuSeconds(member), 0);
  return { target: pid === null ? 0 : cpuSeconds(pid), total, elsewhere: total - idle - ours };
}

function run(
  spec: LoadSpec,
  pid: number | null,
  ours: readonly number[],
): Promise<{ result: LoadResult; cpu: number; elsewhere_share: number }> {
  return new Promise((resolve, reject) => {
    const child = fork(join(ROOT, "test/bench/load.ts"), [JSON.stringify(spec)], {
      execPath: nodeBinary() ?? process.execPath,
    });
    const all = [...ours, process.pid, ...(pid === null ? [] : [pid])];
    let before = reading(pid, all);
    let after = before;
    child.on("message", (message: "measuring" | "measured" | LoadResult) => {
      if (message === "measuring") before = reading(pid, all);
      else if (message === "measured") after = reading(pid, all);
      else {
        const share = (after.elsewhere - before.elsewhere) / Math.max(1e-9, after.total - before.total);
        resolve({ result: message, cpu: after.target - before.target, elsewhere_share: Math.max(0, share) });
      }
    });
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`the load generator ended with ${code}`)));
  });
}
