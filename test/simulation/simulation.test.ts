import { spawn } from "node:child_process";
import { describe, expect, it } from "vitest";
import { DEFECTS } from "./defects/defects.ts";
import { Random } from "./world/random.ts";

const TIMEOUT_MS = 170_000;
/** They take about ten seconds of one processor. */
const SEEDS = 5;

/** A simulation in a process of its own: it takes that process's time over. */
async function simulation(...args: string[]): Promise<{ code: number | null; text: string }> {
  const child = spawn(process.execPath, [`${import.meta.dirname}/main.ts`, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, text };
}

const digestsOf = (text: string) => text.match(/^\d+ [0-9a-f]{64}$/gm) ?? [];

describe("the simulated cell", () => {
  it(
    "keeps every invariant while everything fails and has one history per seed, whatever runs beside it, so that what breaks is found again",
    async () => {
      const { code, text } = await simulation("--seeds", String(SEEDS), "--digests");
      expect(text).toContain(`${SEEDS} seeds, 0 failed`);
      expect(code).toBe(0);
      const digests = digestsOf(text);
      expect(new Set(digests.map((line) => line.split(" ")[1])).size).toBe(SEEDS);
      const again = await simulation("--seeds", "2", "--digests", "--threads", "1");
      expect(digestsOf(again.text)).toEqual(digests.slice(0, 2));
    },
    TIMEOUT_MS,
  );

  it(
    "fails on a planted defect and tells how to see it again, so that its silence means something",
    async () => {
      const { code, text } = await simulation("--defect", "chain-skips", "--seeds", "3", "--first");
      expect(code).toBe(1);
      expect(text).toContain("the ledger is whole");
      expect(text).toMatch(/replay: npm run simulate -- --seed \d+ --defect chain-skips/);
    },
    TIMEOUT_MS,
  );
});

describe("what decides about a simulation", () => {
  it("draws the same numbers for a seed and others for another, over the whole range", () => {
    const drawn = (seed: number) =>
      Array.from(
        { length: 1_000 },
        (
          (random) => () =>
            random.unit()
        )(new Random(seed)),
      );
    expect(drawn(7)).toEqual(drawn(7));
    expect(drawn(7)).not.toEqual(drawn(8));
    const mean = drawn(7).reduce((sum, unit) => sum + unit, 0) / 1_000;
    expect(mean).toBeGreaterThan(0.45);
    expect(mean).toBeLessThan(0.55);
    expect(drawn(7).every((unit) => unit >= 0 && unit < 1)).toBe(true);
  });

  it("has a name of its own for every defect", () => {
    expect(new Set(DEFECTS.map(({ name }) => name)).size).toBe(DEFECTS.length);
    expect(DEFECTS.length).toBeGreaterThanOrEqual(12);
  });
});
