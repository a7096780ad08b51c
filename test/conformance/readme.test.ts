import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { snapshotCompiler } from "../../functions/config/compiler.ts";
import { type Cell, startCell } from "../support/cell.ts";
import { readmeBlocks, runBlock } from "../support/readme.ts";

describe("the README, so that a newcomer's first five minutes are as written", () => {
  let cell: Cell;
  beforeAll(async () => {
    cell = await startCell({ runtime: "deno" });
  });
  afterAll(() => cell.stop());

  it("prints what it says it prints, block by block", async () => {
    const blocks = readmeBlocks().filter(({ language }) => language === "sh" || language === "js");
    expect(blocks.length).toBeGreaterThan(5);
    for (const block of blocks) {
      const printed = await runBlock(block, cell);
      if (block.output !== null) expect(printed.trimEnd()).toBe(block.output.trimEnd());
    }
  });

  it("shows configuration that compiles", () => {
    const files = readmeBlocks()
      .filter(({ language }) => language === "yaml")
      .map(({ text }) => [/^# (\w+\.yml)/.exec(text)?.[1] ?? "", parse(text)]);
    expect(files.map(([name]) => name)).toEqual(["providers.yml", "models.yml", "policies.yml", "tenants.yml"]);
    const compile = snapshotCompiler({
      cell: { id: "local", jurisdiction: "local" },
      secretsPresent: () => true,
      variable: () => null,
    });
    const compiled = compile(Object.fromEntries(files));
    expect(compiled).toMatchObject({ ok: true });
  });
});
