import { spawn } from "node:child_process";
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { ROOT } from "../../infra/local/command.mjs";
import type { Mutant } from "./outcome.ts";
import { type SqlChange, sqlChanges } from "./sql-changes.ts";

/** What a change that never ends has, beside the time that the tests take without one. */
const ENDLESS_MS = 30_000;
/** What the tests never read is not copied for them. */
const LEFT_OUT =
  /^(node_modules|\.git|\.wrangler|docs|gpu-workers|test\/bench|test\/mutation\/results)$|(^|\/)\.cache$/;

/**
 * Changes the statements of the files that `patterns` name, one at a time, in a copy of the tree, and runs the tests on
 * each. `tried` has each as soon as it was; ends without the rest once `ends` is aborted. Throws if the tests fail as
 * they are.
 */
export async function trySql(
  patterns: readonly string[],
  scratch: string,
  tried: Mutant[],
  ends: AbortSignal,
): Promise<void> {
  const tree = mkdtempSync(join(scratch, "sql-"));
  cpSync(ROOT, tree, { recursive: true, filter: (path) => !LEFT_OUT.test(relative(ROOT, path)) });
  symlinkSync(join(ROOT, "node_modules"), join(tree, "node_modules"));
  const begun = Date.now();
  if ((await run(tree, 10 * ENDLESS_MS, ends)) !== "passed") throw new Error("the tests fail without a change");
  const limitMs = Date.now() - begun + ENDLESS_MS;
  const files = globSync([...patterns.filter((one) => !one.startsWith("!"))], { cwd: ROOT });
  for (const file of files.filter((name) => !name.endsWith(".test.ts")).sort()) {
    const source = readFileSync(join(ROOT, file), "utf8");
    for (const change of sqlChanges(source)) {
      if (ends.aborted) return;
      writeFileSync(join(tree, file), source.slice(0, change.start) + change.replacement + source.slice(change.end));
      const ended = await run(tree, limitMs, ends);
      if (ended !== "aborted") tried.push(mutantOf(join(ROOT, file), source, change, STATUS[ended]));
    }
    writeFileSync(join(tree, file), source);
  }
  rmSync(tree, { recursive: true, force: true });
}

const STATUS = { passed: "Survived", failed: "Killed", endless: "Timeout" } as const;

/** How the tests ended over the tree as it is; `aborted`: nobody knows. */
function run(tree: string, limitMs: number, ends: AbortSignal): Promise<keyof typeof STATUS | "aborted"> {
  const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
  const args = [vitest, "run", "--bail", "1", "--config", "test/mutation/vitest.config.ts"];
  const limit = AbortSignal.timeout(limitMs);
  return new Promise((done) => {
    const child = spawn(process.execPath, args, {
      cwd: tree,
      stdio: "ignore",
      signal: AbortSignal.any([ends, limit]),
      killSignal: "SIGKILL",
    });
    child.once("error", () => undefined);
    child.once("close", (code) =>
      done(ends.aborted ? "aborted" : limit.aborted ? "endless" : code === 0 ? "passed" : "failed"),
    );
  });
}

function mutantOf(fileName: string, source: string, { start, end, replacement }: SqlChange, status: string): Mutant {
  const at = (chars: number) => {
    const lines = source.slice(0, chars).split("\n");
    return { line: lines.length, column: (lines.at(-1) ?? "").length + 1 };
  };
  return { fileName, mutatorName: "Sql", replacement, status, location: { start: at(start), end: at(end) } };
}
