import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../../infra/local/command.mjs";
import { type Cell, startCell } from "../support/cell.ts";
import { WITHOUT_DATABASE } from "../support/lab.ts";
import { readmeBlocks, runBlock } from "../support/readme.ts";

describe("programs that the documents show", () => {
  let cell: Cell;
  beforeAll(async () => {
    cell = await startCell({ runtime: "deno", env: { BAILIWICK_TENANT_EGRESS: "loopback", ...WITHOUT_DATABASE } });
  });
  afterAll(() => cell.stop());

  it.each(["callbacks.md", "task-sockets.md"])(
    "of %s print what it says, so that a reader's own begins with one that works",
    async (name) => {
      const blocks = readmeBlocks(readFileSync(join(ROOT, "docs", name), "utf8")).filter(
        ({ language }) => language === "js",
      );
      expect(blocks).toHaveLength(1);
      for (const block of blocks) {
        const printed = await runBlock(block, cell);
        expect(printed.trimEnd()).toBe(block.output?.trimEnd());
      }
    },
  );
});
