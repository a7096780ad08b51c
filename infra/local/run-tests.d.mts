export interface TestRun {
  file: string;
  args: readonly string[];
  cwd: string;
  env: Record<string, string | undefined>;
  /** How long no test may end. */
  silenceMsMax: number;
  /** How long the process may take to end once its tests have. */
  exitMsMax: number;
  /** Takes a line about a process that had to be ended. */
  print: (line: string) => void;
}

/** What `test/support/run-reporter.ts` tells of a run: its files that are running, or how it ended. */
export type RunNews = { running: string[] } | { ended: "passed" | "failed" | "interrupted" };

/**
 * Runs a process that reports {@link RunNews}, and ends it with all that it started where it hangs, so that whoever waits
 * for the tests is told. Resolves with its exit status, or with that of its tests where only their process did not end.
 */
export function runTests(run: TestRun): Promise<number>;
