import { spawn } from "node:child_process";
import { describe, expect, it } from "vitest";

const SEEDS = 500;
const HOUR_MS = 3_600_000;

describe("many seeds of the simulated cell", () => {
  it(
    `keep every invariant, ${SEEDS} of them, so that what only a rare order of failures does is found before it is released`,
    async () => {
      const args = [`${import.meta.dirname}/main.ts`, "--seeds", String(SEEDS)];
      const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
      let text = "";
      child.stdout.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      await new Promise((resolve) => child.on("close", resolve));
      expect(text).toContain(`${SEEDS} seeds, 0 failed`);
    },
    HOUR_MS,
  );
});
