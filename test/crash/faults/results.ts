import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../../infra/local/command.mjs";
import type { Observation } from "./observed.ts";
import type { RowId } from "./rows.ts";

/** What was seen of one row on one runtime, by which code, where and when. */
export interface Result extends Observation {
  commit: string;
  machine: string;
}

export const RESULTS_FILE = "test/crash/faults/results.json";
export const PAGE_FILE = "docs/faults.md";

/** By row and by what it ran on; the newest observation of each. */
export const readResults = (): Result[] => {
  const file = join(ROOT, RESULTS_FILE);
  // safe because: `main.ts` alone writes this file, with these members
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Result[]) : [];
};

/** The old results with the new ones in their places, in an order that does not depend on when they came. */
export function merged(old: readonly Result[], fresh: readonly Result[], rows: readonly RowId[]): Result[] {
  const key = ({ row, on }: Result) => `${row}\n${on}`;
  const all = new Map([...old, ...fresh].map((result) => [key(result), result]));
  return [...all.values()]
    .filter(({ row }) => rows.includes(row))
    .sort((one, other) => rows.indexOf(one.row) - rows.indexOf(other.row) || (one.on < other.on ? -1 : 1));
}
