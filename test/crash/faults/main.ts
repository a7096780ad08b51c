import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { ROOT } from "../../../infra/local/command.mjs";
import { OBSERVED_FILE, type Observation } from "./observed.ts";
import { faultsPage, rowIds } from "./page.ts";
import { merged, PAGE_FILE, RESULTS_FILE, type Result, readResults } from "./results.ts";
import { ROWS, type Row } from "./rows.ts";

/**
 * `node test/crash/faults/main.ts [--page] [--from FILE] [test files]`: runs the tests of the fault matrix (all, or the
 * named ones), keeps what they saw, and renders the page. `--from` takes what an earlier run saw in place of a run.
 */
const words = process.argv.slice(2);
const from = words.includes("--from") ? words.splice(words.indexOf("--from"), 2)[1] : undefined;
const pageAlone = words.includes("--page");
const files = words.filter((word) => !word.startsWith("--"));

async function run(): Promise<{ observations: Observation[]; code: number }> {
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-faults-"));
  const file = join(folder, "observed.jsonl");
  const tests = files.length > 0 ? files : [...new Set(Object.values(ROWS).map(({ test, run }: Row) => run ?? test))];
  const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
  const args = [vitest, "run", "--config", join(ROOT, "test/vitest.config.ts"), ...tests];
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    stdio: "inherit",
    env: { ...process.env, [OBSERVED_FILE]: file },
  });
  const code = await new Promise<number>((done) => child.once("close", (status) => done(status ?? 1)));
  const observations = existsSync(file) ? read(file) : [];
  rmSync(folder, { recursive: true });
  return { observations, code };
}

const read = (file: string): Observation[] =>
  readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));

if (!pageAlone) {
  const { observations, code } = from === undefined ? await run() : { observations: read(from), code: 0 };
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { cwd: ROOT, encoding: "utf8" }).trim();
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`;
  // What was taken in before keeps the commit that it was seen at.
  const old = new Map(readResults().map((each) => [`${each.row} ${each.on} ${each.at}`, each]));
  const fresh = observations.map(
    (each): Result => old.get(`${each.row} ${each.on} ${each.at}`) ?? { ...each, commit, machine },
  );
  writeFileSync(join(ROOT, RESULTS_FILE), `${JSON.stringify(merged(readResults(), fresh, rowIds), null, 2)}\n`);
  process.exitCode = code;
}
writeFileSync(join(ROOT, PAGE_FILE), faultsPage(readResults()));
