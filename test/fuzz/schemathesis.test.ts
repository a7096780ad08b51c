import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startLab } from "../support/lab.ts";
import { pythonWith } from "../support/python-packages.ts";
import { SCHEMATHESIS_EXCEPTIONS, SCHEMATHESIS_SKIPPED } from "./schemathesis-exceptions.ts";
import { FUZZ_SEED } from "./settings.ts";

const VERSION = "4.32.5";
/** Of one run; what was not reached by then is not tried. */
const SECONDS_MAX = Number(process.env.SCHEMATHESIS_SECONDS ?? 240);
const EXAMPLES = Number(process.env.FUZZ_RUNS ?? 5);

interface Report {
  stop_reason: string;
  test_cases: { generated: number };
  operations: { tested: number; selected: number };
  failures: { code: string; title: string; operations: (string | { label: string })[] }[];
  errors: { title: string; count: number }[];
}

const python = pythonWith(`schemathesis-${VERSION}`, [`schemathesis==${VERSION}`]);

describe.skipIf(python === null)("Schemathesis against a running cell", () => {
  let lab: Awaited<ReturnType<typeof startLab>>;
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-schemathesis-"));
  beforeAll(async () => {
    lab = await startLab({ runtime: "deno" });
  });
  afterAll(async () => {
    await lab?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("finds nothing but what is deliberate, so that generated clients meet what the document says", {
    timeout: 580_000,
  }, async () => {
    const { adminKey } = await lab.newTenant();
    const report = join(folder, "report.json");
    const args = [
      ...["-m", "schemathesis.cli", "--no-color", "run", `${lab.cell.url}/openapi.json`],
      ...[
        "-H",
        `Authorization: Bearer ${adminKey}`,
        "--phases",
        "examples,coverage,fuzzing",
        "--continue-on-failure",
        "--no-shrink",
      ],
      ...[
        "--max-examples",
        String(EXAMPLES),
        "--seed",
        String(FUZZ_SEED),
        "--max-time",
        String(SECONDS_MAX),
        "--request-timeout",
        "20",
      ],
      ...["--generation-database", "none", "--report", "json", "--report-json-path", report],
      ...SCHEMATHESIS_SKIPPED.flatMap((skipped) =>
        "check" in skipped ? ["--exclude-checks", skipped.check] : ["--exclude-path", skipped.path],
      ),
    ];
    const output = await new Promise<string>((resolve) =>
      execFile(python ?? "", args, { cwd: folder, maxBuffer: 2 ** 26 }, (_, stdout, stderr) =>
        resolve(stdout + stderr),
      ),
    );
    const found = read(report, output);
    const failures = found.failures.flatMap(({ code, title, operations }) =>
      operations.map((operation) => ({
        code,
        title,
        operation: typeof operation === "string" ? operation : operation.label,
      })),
    );
    console.log(
      `${found.test_cases.generated} requests, ${found.operations.tested} of ${found.operations.selected} operations, ${failures.length} findings, all deliberate unless told`,
    );
    const unexplained = failures.filter(
      ({ code, operation }) =>
        !SCHEMATHESIS_EXCEPTIONS.some((known) => known.code === code && known.operation === operation),
    );
    expect(unexplained, output.slice(-20_000)).toEqual([]);
    expect(found.errors.map(({ title }) => title).filter((title) => title !== "Serialization not possible")).toEqual(
      [],
    );
    // The document is really walked; a run that its time cut short says so and is held to less.
    const whole = found.stop_reason !== "max_time";
    expect(found.operations.tested).toBeGreaterThan(found.operations.selected * (whole ? 0.9 : 0.5));
    if (!whole) return console.log(`cut short after ${SECONDS_MAX} s`);
    // What is excused is still there to be excused.
    for (const { code, operation } of SCHEMATHESIS_EXCEPTIONS)
      expect(failures.map((failure) => `${failure.code} ${failure.operation}`)).toContain(`${code} ${operation}`);
  });
});

function read(path: string, output: string): Report {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Report; // safe because: `--report json` writes this
  } catch (cause) {
    throw new Error(`Schemathesis left no report:\n${output.slice(-5_000)}`, { cause });
  }
}
