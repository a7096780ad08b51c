import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";

const folder = resolve(import.meta.dirname, "../../infra/verify-py");
/** About 20 s on one free core. */
const TIMEOUT_MS = 240_000;

interface Outcome {
  /** Null: the program is not there, or was ended. */
  readonly code: number | null;
  readonly printed: string;
}

const python = (args: readonly string[]) =>
  new Promise<Outcome>((settle) => {
    execFile("python3", [...args], { cwd: folder, timeout: TIMEOUT_MS - 10_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : null;
      settle({ code, printed: `${stdout}${stderr}` });
    });
  });

describe("the verifier in Python, so that a customer need not take the cell's own code for its word", () => {
  it("keeps its guarantees on this machine's Python", { timeout: TIMEOUT_MS }, async ({ skip }) => {
    const { code, printed } = await python(["-c", "import sys; sys.exit(sys.version_info < (3, 9))"]);
    if (code !== 0) {
      const reason = code === null ? "no python3 on this machine" : "python3 on this machine is older than 3.9";
      console.warn(`skipped: ${reason} ${printed.trim()}`);
      skip(reason);
    }
    const outcome = await python(["-B", "-m", "unittest", "-v"]);
    for (const line of outcome.printed.split("\n").filter((found) => found.includes("skipped"))) console.warn(line);
    expect(outcome.code, outcome.printed.slice(-8_000)).toBe(0);
    expect(Number(/^Ran (\d+) tests/m.exec(outcome.printed)?.[1])).toBeGreaterThan(70);
  });
});
