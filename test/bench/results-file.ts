import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { ROOT } from "../../infra/local/command.mjs";
import type { HeldResult } from "./held.ts";
import type { Measurement } from "./measure.ts";
import type { PacedResult } from "./paced.ts";
import type { Skipped } from "./process-target.ts";

const FOLDER = join(ROOT, "test/bench/results");

export interface PacedRow extends PacedResult {
  target: string;
  concurrency: number;
}

/** Everything that one run of `npm run bench` saw. */
export interface BenchRun {
  kind: "bench";
  at: string;
  /** All targets of a default run were driven under all its shapes, or left out with a reason, and nothing failed. */
  complete: boolean;
  machine: { cpu: string; cores: number; memory_bytes: number; kernel: string };
  seconds: number;
  versions: Record<string, string>;
  skipped: Skipped[];
  results: Measurement[];
  paced: PacedRow[];
  held: HeldResult[];
}

export const machine = (): BenchRun["machine"] => ({
  cpu: cpus()[0]?.model ?? "unknown",
  cores: cpus().length,
  memory_bytes: totalmem(),
  kernel: release(),
});

/** Writes a result beside the others under its time; answers the file's path. */
export function writeResult(result: { at: string }): string {
  mkdirSync(FOLDER, { recursive: true });
  const file = join(FOLDER, `${result.at.replace(/[:.]/g, "-")}.json`);
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
  return file;
}

/** The newest complete run of the bench, with its file's name; null when there is none yet. */
export function newestComplete(): { name: string; run: BenchRun } | null {
  const names = readdirSync(FOLDER)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .reverse();
  for (const name of names) {
    const run: BenchRun = JSON.parse(readFileSync(join(FOLDER, name), "utf8"));
    if (run.kind === "bench" && run.complete) return { name, run };
  }
  return null;
}
