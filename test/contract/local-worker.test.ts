import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { startLocalWorker, workerEnvironment } from "../../infra/local/worker.mjs";
import { scriptedCell } from "../support/scripted-cell.ts";

const TIMEOUT_MS = 60_000;

function world(cellUrl: string, env: Record<string, string | undefined> = {}) {
  const home = mkdtempSync(join(tmpdir(), "local-worker-"));
  writeFileSync(join(home, "secret"), "enrolment");
  const lines: string[] = [];
  const waiting: { pattern: RegExp; found: () => void }[] = [];
  const options = {
    ...{ cellUrl, cell: "local", jurisdiction: "local", pool: "p", models: ["m"], env },
    ...{ queueFile: join(home, "queue.sqlite"), secretFile: join(home, "secret") },
    print: (line: string) => {
      lines.push(line);
      for (const { pattern, found } of waiting) if (pattern.test(line)) found();
    },
  };
  onTestFinished(() => rmSync(home, { recursive: true }));
  /** Resolves once a line like this was printed from now on. */
  const line = (pattern: RegExp) => new Promise<void>((found) => void waiting.push({ pattern, found }));
  return { options, lines, line };
}

describe("the worker beside an embedded cell", () => {
  it(
    "connects, and is gone after stop, so that no process outlives its cell",
    async () => {
      const cell = await scriptedCell();
      onTestFinished(() => cell.stop());
      const { options, lines } = world(cell.url.href);
      const worker = startLocalWorker(options);
      const at = await cell.connection();
      expect((await at.next("hello")).worker).toBe("local-p");
      await worker.stop();
      await at.closed;
      expect(lines.every((line) => line.startsWith("worker p: "))).toBe(true);
      expect(lines.some((line) => line.includes("worker.started"))).toBe(true);
    },
    TIMEOUT_MS,
  );

  it(
    "is started again when it ends, later each time, so that a defect does not spin",
    async () => {
      // Settings that it refuses: it ends at once.
      const { options, lines, line } = world("http://cell.example.com");
      const third = line(/starts again in 2000 ms/);
      const worker = startLocalWorker(options);
      await third;
      await worker.stop();
      const waits = lines.flatMap((text) => /starts again in (\d+) ms/.exec(text)?.[1] ?? []);
      expect(waits).toEqual(["500", "1000", "2000"]);
      expect(lines.some((text) => text.includes("BAILIWICK_CELL_URL"))).toBe(true);
    },
    TIMEOUT_MS,
  );

  it("sees of the environment what is its own, and no secret of the cell", () => {
    const { options } = world("http://127.0.0.1:1", {
      ...{ BAILIWICK_ROOT_SECRET: "x", AWS_SECRET_ACCESS_KEY: "x", PATH: "/bin", BAILIWICK_WORKER_CONCURRENCY: "3" },
      ...{ BAILIWICK_ENGINE: "openai", BAILIWICK_ENGINE_URL: "http://127.0.0.1:8000" },
    });
    const env = workerEnvironment(options);
    expect(Object.values(env)).not.toContain("x");
    expect(env).toMatchObject({ BAILIWICK_ENGINE: "openai", BAILIWICK_WORKER_CONCURRENCY: "3" });
    expect(env.PATH).toBeUndefined();
  });
});
