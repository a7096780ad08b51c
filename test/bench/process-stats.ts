import { readFileSync, writeFileSync } from "node:fs";
import { processTree } from "../../infra/local/process-tree.mjs";

/** Linux's USER_HZ, which is 100 on every platform that has `/proc`. */
const TICKS_PER_SECOND = 100;

/** CPU seconds, user and system, that a process tree has used. */
export function cpuSeconds(pid: number): number {
  let ticks = 0;
  for (const member of processTree(pid)) {
    const stat = read(`/proc/${member}/stat`);
    if (!stat) continue;
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / TICKS_PER_SECOND;
}

/** Processor seconds of the whole machine so far, and those in which it had nothing to do; stolen time counts as used. */
export function machineSeconds(): { total: number; idle: number } {
  const fields = (/^cpu\s+(.+)$/m.exec(read("/proc/stat") ?? "")?.[1] ?? "").split(" ").map(Number);
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = fields;
  const total = user + nice + system + idle + iowait + irq + softirq + steal;
  return { total: total / TICKS_PER_SECOND, idle: (idle + iowait) / TICKS_PER_SECOND };
}

/** Sum over the tree of a memory line of `/proc/<pid>/status`, in bytes: `VmHWM` is the peak, `VmRSS` the present. */
export function memoryBytes(pid: number, line: "VmHWM" | "VmRSS"): number {
  let total = 0;
  for (const member of processTree(pid)) {
    const found = new RegExp(`^${line}:\\s+(\\d+) kB`, "m").exec(read(`/proc/${member}/status`) ?? "")?.[1];
    total += Number(found ?? 0) * 1024;
  }
  return total;
}

/** Starts the peak anew, so that one target's start-up is not another run's peak. Needs the same user. */
export function resetPeak(pid: number): void {
  for (const member of processTree(pid)) writeFileSync(`/proc/${member}/clear_refs`, "5");
}

function read(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
