import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "../infra/local/command.mjs";
import { FAULTS, STEPS } from "./crash/faults/matrix.ts";
import { NOT_RUN } from "./crash/faults/not-run.ts";
import { faultsPage, pairs, rowIds } from "./crash/faults/page.ts";
import { PAGE_FILE, readResults } from "./crash/faults/results.ts";
import { ROWS } from "./crash/faults/rows.ts";

describe("the fault matrix", () => {
  it("knows of every fault at every step whether it was made, so that no gap looks like a proof", () => {
    const all = pairs();
    expect(all).toHaveLength(Object.keys(FAULTS).length * Object.keys(STEPS).length);
    expect(all.filter(({ kind }) => kind === "forgotten").map(({ fault, step }) => `${fault}/${step}`)).toEqual([]);
    const unrun = all.filter(({ kind }) => kind === "not run").map(({ fault, step }) => `${fault}/${step}`);
    // A reason for a pair that is tested, or that cannot be, would be a stale excuse.
    expect(Object.keys(NOT_RUN).toSorted()).toEqual(unrun.toSorted());
  });

  it("names for each row a test that says what it saw", () => {
    const silent = rowIds.filter((id) => {
      const file = join(ROOT, ROWS[id].test);
      return !existsSync(file) || !readFileSync(file, "utf8").includes(`"${id}"`);
    });
    expect(silent).toEqual([]);
  });

  it("is shown with what runs wrote and nothing else, a row for every pair", () => {
    const page = readFileSync(join(ROOT, PAGE_FILE), "utf8");
    expect(page).toBe(faultsPage(readResults()));
    for (const { title } of Object.values(STEPS))
      expect([title, page.split(`\n| ${title} |`).length - 1]).toEqual([title, Object.keys(FAULTS).length + 1]);
  });
});
