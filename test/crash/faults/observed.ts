import { appendFileSync } from "node:fs";
import { ROWS, type RowId } from "./rows.ts";

/** Where `test/crash/faults/main.ts` has a run write what it sees, one JSON line each; unset in other runs. */
export const OBSERVED_FILE = "BAILIWICK_FAULTS_OBSERVED";

export interface Observation {
  row: RowId;
  /** What the cell runs on, or the form of the test. */
  on: string;
  /** What was seen, with the figures of this run. */
  observed: string;
  at: string;
}

/**
 * Says what a row of the fault matrix was seen to do. A test calls it behind its last assertion: an observation is that
 * of a test that passed.
 */
export function observed(row: RowId, on: string, what: string): void {
  if (!(row in ROWS)) throw new Error(`no row ${row} in the fault matrix`);
  const file = process.env[OBSERVED_FILE];
  if (file === undefined) return;
  const line: Observation = { row, on, observed: what, at: new Date().toISOString() };
  appendFileSync(file, `${JSON.stringify(line)}\n`);
}
