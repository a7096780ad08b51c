import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
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

/**
 * Everything that one run of `npm run bench` saw. It is kept as `bench-…` when all targets of a default run were driven
 * under all its shapes, or left out with a reason, and nothing failed; else as `partial-…`, which git ignores.
 */
export interface BenchRun {
  at: string;
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

/** Writes a result beside the others, named by what it is and its time; answers the file's path. */
export function writeResult<Result extends { at: string }>(
  what: "bench" | "partial" | "growth",
  result: Result,
): string {
  mkdirSync(FOLDER, { recursive: true });
  const file = join(FOLDER, `${what}-${result.at.replace(/[:.]/g, "-")}.json`);
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
  return file;
}

/** The newest whole run of the bench, with its file's name; null when there is none yet. */
export function newestRun(): { name: string; run: BenchRun } | null {
  const name = (existsSync(FOLDER) ? readdirSync(FOLDER) : [])
    .filter((file) => /^bench-.+\.json$/.test(file))
    .sort()
    .at(-1);
  return name === undefined ? null : { name, run: JSON.parse(readFileSync(join(FOLDER, name), "utf8")) };
}
