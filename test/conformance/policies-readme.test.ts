import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, isAbsolute, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../../infra/local/command.mjs";
import { findOpa } from "../../infra/local/policies.mjs";
import { type Cell, startCell } from "../support/cell.ts";
import { readmeBlocks, runBlock } from "../support/readme.ts";

const opa = findOpa();
const missing = "missing" in opa ? ` (skipped: ${opa.missing})` : "";
const blocks = readmeBlocks(readFileSync(join(ROOT, "policies/README.md"), "utf8")).filter(
  ({ language }) => language === "sh",
);

describe.skipIf("missing" in opa)(`the policies' README${missing}`, () => {
  const home = mkdtempSync(join(tmpdir(), "bailiwick-policies-readme-"));
  const path = process.env.PATH ?? "";
  let cell: Cell | null = null;
  beforeAll(() => {
    // Blocks call `opa` by its name.
    if (!("missing" in opa) && isAbsolute(opa.file)) process.env.PATH = `${dirname(opa.file)}${delimiter}${path}`;
  });
  afterAll(async () => {
    process.env.PATH = path;
    await cell?.stop();
    rmSync(home, { recursive: true, force: true });
  });

  it("prints what it says it prints, block by block, so that a compliance officer can follow it to the end", async () => {
    expect(blocks.length).toBeGreaterThan(10);
    for (const block of blocks) {
      if (cell === null && block.text.includes("http://127.0.0.1:8787")) cell = await started(home);
      const place = { url: cell?.url ?? "", home, apiKey: cell?.apiKey ?? "", adminKey: cell?.adminKey ?? "" };
      const printed = await runBlock(block, place);
      if (block.output !== null) expect(printed.trimEnd(), block.text).toBe(block.output.trimEnd());
    }
    expect(cell).not.toBeNull();
  });
});

/** A cell over the configuration that the README's own blocks wrote. */
function started(home: string): Promise<Cell> {
  const folder = join(home, "config");
  const config = Object.fromEntries(
    readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")] as const),
  );
  return startCell({ runtime: "deno", home, config });
}
