import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { HEAVY, PROPERTIES } from "./vitest.config.ts";

const root = join(import.meta.dirname, "..");

it("docs/heavy.md has a row for every suite of the heavy part and for no other, so that none is forgotten unseen", () => {
  const page = readFileSync(join(root, "docs/heavy.md"), "utf8");
  const [, seen = ""] = page.split(/^## /m);
  const rows = [...seen.matchAll(/^\| `([^`]+\.test\.ts)` \|/gm)].map(([, path]) => path);
  const files = globSync([...HEAVY, ...PROPERTIES], { cwd: root });
  expect(rows.toSorted()).toEqual(files.toSorted());
});
