import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { projectFiles, readSource } from "../tidy/source-tree.ts";

const UNITS: Readonly<Record<string, number>> = { seconds: 1_000, minutes: 60_000, hours: 3_600_000, days: 86_400_000 };
const text = readFileSync(new URL("../../docs/content.md", import.meta.url), "utf8");
const rows = (/## Classes\n([\s\S]*?)\n## /.exec(text)?.[1] ?? "")
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| class"))
  .map((line) => line.split("|").map((cell) => cell.trim()));

describe("the table of what is kept", () => {
  it("has every place that seals something, so that no class of stored bytes goes without a stated end", () => {
    const sealing = ["functions", "durable", "shared", "gpu-workers"]
      .flatMap((folder) => projectFiles(folder))
      .filter((path) => !path.endsWith(".test.ts") && /from "[^"]*\/crypto\/seal\.ts"/.test(readSource(path)));
    const told = rows.flatMap((row) => [...(row[2] ?? "").matchAll(/`([^`]+)`/g)].map((match) => match[1]));
    expect([...new Set(told)].sort()).toEqual(sealing.sort());
    expect(sealing.length).toBeGreaterThan(5);
  });

  it("says of every bound what the code holds it to", () => {
    const told = [...text.matchAll(/`(\w+)` \((\d+) (seconds|minutes|hours|days)\)/g)];
    expect(told.length).toBeGreaterThan(8);
    const limits: Readonly<Record<string, number>> = LIMITS;
    for (const [all, name = "", count, unit = ""] of told)
      expect([all, limits[name]]).toEqual([all, Number(count) * (UNITS[unit] ?? Number.NaN)]);
  });

  it("names a key and an end in every row", () => {
    for (const [, name, , where, key, ends] of rows) {
      expect([name, key]).toEqual([name, expect.stringMatching(/^(?:conversation|tenant|transfer)$/)]);
      expect([where, ends].every((cell) => (cell ?? "").length > 5)).toBe(true);
    }
  });
});
