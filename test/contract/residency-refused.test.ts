import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { embeddedCommand, ROOT } from "../../infra/local/command.mjs";
import { WITHOUT_DATABASE } from "../support/lab.ts";

const folder = mkdtempSync(join(tmpdir(), "bailiwick-places-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function start(residency: string) {
  const home = join(folder, "home");
  const command = embeddedCommand({
    ...{ BAILIWICK_HOME: home, PORT: "0", ...WITHOUT_DATABASE },
    ...{ BAILIWICK_CELL: "eu1", BAILIWICK_JURISDICTION: "eu", BAILIWICK_RESIDENCY: residency },
  });
  if ("refusal" in command) throw new Error(command.refusal);
  const { status, stdout, stderr } = spawnSync(command.file, command.args, {
    ...{ cwd: ROOT, env: command.env, encoding: "utf8", timeout: 50_000 },
  });
  return { status, stdout, stderr, home };
}

describe("a cell of the EU", () => {
  it("does not start with its database elsewhere: one line, no exit 0, and nothing written", () => {
    const { status, stdout, stderr, home } = start("disk=eu database=us engines=eu");
    expect(stderr).toBe("bailiwick: the cell eu1 is of eu: it places database (the control database) in us\n");
    expect([status, stdout, existsSync(home)]).toEqual([1, "", false]);
  });

  it("does not start where nobody said that its local engines lie there", () => {
    const { status, stdout, stderr } = start("disk=eu database=eu");
    expect(stderr).toMatch(/^bailiwick: .*providers\.local\.jurisdiction: is missing.*engines=….*\n$/);
    expect([status, stdout]).toEqual([1, ""]);
  });
});
