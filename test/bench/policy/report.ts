import type { ServerRun } from "./opa-runs.ts";

/** What was measured of one call. */
export interface Row {
  call: string;
  steps: number;
  /** The evaluation alone, over an input that is already a value of the engine. */
  evaluateUs: number;
  /** The conversion of the input included. */
  wholeUs: number;
  opaBenchUs: number | null;
  opaServer: ServerRun | null;
}

const us = (value: number | null | undefined): string => (value == null ? "–" : value.toFixed(1));
const perSecond = (value: number | null | undefined): string => (value == null ? "–" : Math.round(value).toString());
const times = (theirs: number | null | undefined, own: number): string =>
  theirs == null ? "–" : `${(theirs / own).toFixed(1)}×`;

/** One table, and a line that says why OPA's columns are empty where they are. */
export function report(rows: readonly Row[], missing: string | null): void {
  const head = ["call", "steps", "ours µs", "with input µs", "ours /s", "opa bench µs", "opa REST µs", "opa REST /s"];
  const table = rows.map((row) => [
    row.call,
    String(row.steps),
    us(row.evaluateUs),
    us(row.wholeUs),
    perSecond(1e6 / row.wholeUs),
    us(row.opaBenchUs),
    us(row.opaServer?.latencyUs),
    perSecond(row.opaServer?.perSecond),
  ]);
  const ratios = rows.map((row) => [
    row.call,
    times(row.opaBenchUs, row.evaluateUs),
    times(row.opaServer?.latencyUs, row.wholeUs),
  ]);
  print([head, ...table]);
  if (missing !== null) console.log(`\nOPA's columns are empty, because ${missing}`);
  else {
    console.log("\nOPA's time over ours:");
    print([["call", "opa bench : evaluation", "opa REST : with input"], ...ratios]);
  }
}

function print(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  for (const row of rows)
    console.log(
      row
        .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
        .join("  ")
        .trimEnd(),
    );
}
