import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { verify } from "../../infra/cli/verify.ts";
import { writeCorpus } from "../support/corpus-folder.ts";
import { CORPUS, type CorpusRow } from "../support/evidence-corpus.ts";

const PYTHON_FOLDER = resolve(import.meta.dirname, "../../infra/verify-py");
const python = spawnSync("python3", ["-c", "import sys; sys.exit(sys.version_info < (3, 9))"]).status === 0;
if (!python) process.stdout.write("skipped: no python3 of 3.9 or newer here to run the second verifier with\n");

/** One process for all rows: starting Python costs more than most of them. */
const DRIVER = `
import contextlib, io, json, sys
sys.path.insert(0, sys.argv[1])
import bailiwick_verify
for words in json.load(sys.stdin):
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = bailiwick_verify.main(words)
    print(json.dumps({"code": code, "text": out.getvalue()}), flush=True)
`;

interface Verdict {
  code: number;
  text: string;
}

const folder = mkdtempSync(join(tmpdir(), "bailiwick-corpus-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const written = writeCorpus(CORPUS, folder);

const exitOf = ({ expected }: CorpusRow): number =>
  typeof expected === "object" ? 1 : expected === "verified" ? 0 : 3;

async function ours(words: readonly string[]): Promise<Verdict> {
  let text = "";
  const print = (more: string) => {
    text += more;
  };
  const terminal = { out: print, err: print, input: async () => "", variable: () => undefined };
  return { code: await verify([...words], terminal), text };
}

describe("npx bailiwick verify, over the files themselves", () => {
  it.each(written.map(({ row, words }) => [`${row.kind}: ${row.name}`, row, words] as const))(
    "%s",
    async (_, row, words) => {
      const { code, text } = await ours(words);
      expect(code, text).toBe(exitOf(row));
      const last = text.trimEnd().split("\n").at(-1) ?? "";
      const { expected } = row;
      if (expected === "verified") expect(last).toBe("VERIFIED");
      else if (expected === "own keys") expect(last).toMatch(/only against the keys inside the file/);
      else expect(last).toContain(`NOT VERIFIED: ${expected.check}: ${expected.reason}: `);
    },
  );
});

describe.skipIf(!python)("the verifier in Python agrees on every file, so that neither can be wrong alone", () => {
  let verdicts: Verdict[] = [];
  beforeAll(() => {
    const text = execFileSync("python3", ["-c", DRIVER, PYTHON_FOLDER], {
      input: JSON.stringify(written.map(({ words }) => words)),
      encoding: "utf8",
      maxBuffer: 64 * 1024 * 1024,
      timeout: 400_000,
    });
    verdicts = text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
  }, 420_000);

  it.each(written.map(({ row }, at) => [`${row.kind}: ${row.name}`, row, at] as const))("%s", (_, row, at) => {
    const { code, text } = verdicts[at] ?? { code: -1, text: "no verdict" };
    if (row.mlDsaOnly) {
      // It says what it leaves out, and finds nothing else wrong.
      expect(text).toContain("ML-DSA-65 not checked");
      expect(code, text).toBe(0);
    } else expect(code, text).toBe(exitOf(row));
    expect(text).not.toContain("the verifier broke on it");
  });
});
