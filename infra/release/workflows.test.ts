import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { ROOT } from "../local/command.mjs";

const Step = z.object({
  uses: z.string().optional(),
  run: z.string().optional(),
  env: z.record(z.string(), z.string()).optional(),
});
const Workflow = z.object({
  permissions: z.record(z.string(), z.string()),
  jobs: z.record(
    z.string(),
    z.object({ needs: z.string().optional(), "timeout-minutes": z.number(), steps: z.array(Step) }),
  ),
});
const workflow = (name: string) => Workflow.parse(parse(readFileSync(join(ROOT, ".github/workflows", name), "utf8")));
const scripts: Record<string, string> = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).scripts;
const [ci, release] = [workflow("ci.yml"), workflow("release.yml")];
const runs = (of: typeof ci) => Object.values(of.jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []));

describe("workflows", () => {
  it("run npm scripts that exist, so that every other CI can do the same", () => {
    const named = [...runs(ci), ...runs(release)].join("\n").matchAll(/npm (?:run ([\w:]+)|(test))/g);
    const found = [...named].map(([, script, test]) => script ?? test ?? "");
    expect(found.length).toBeGreaterThan(10);
    for (const script of found) expect(Object.keys(scripts)).toContain(script);
  });

  it("may write nothing to the repository, and keep no credential of it", () => {
    for (const each of [ci, release]) {
      expect(each.permissions).toEqual({ contents: "read" });
      const text = JSON.stringify(each);
      expect(text).not.toContain("write");
    }
    for (const name of ["ci.yml", "release.yml"]) {
      const text = readFileSync(join(ROOT, ".github/workflows", name), "utf8");
      expect(text.split("actions/checkout@").length).toBe(text.split("persist-credentials: false").length);
    }
  });

  it("put no secret and no input into a command's text, where it could become a command", () => {
    for (const command of [...runs(ci), ...runs(release)]) expect(command).not.toContain("${{");
  });

  it("roll out after the build alone, with the keys of every cell of every ring", () => {
    const { rings } = parse(readFileSync(join(ROOT, "infra/cells/rings.yml"), "utf8"));
    const { needs, steps } = release.jobs.rollout ?? { steps: [] };
    expect(needs).toBe("build");
    const last = steps.at(-1);
    expect(last?.run).toMatch(/^npm run rollout -- --kind "\$KIND"/);
    const cells: string[] = rings.flatMap(({ cells }: { cells: string[] }) => cells);
    for (const cell of cells)
      for (const key of ["SMOKE", "OPERATOR"])
        expect(Object.keys(last?.env ?? {})).toContain(`BAILIWICK_${key}_KEY_${cell.toUpperCase()}`);
  });

  it("sign, and verify what they signed, before anything is rolled out", () => {
    const build = release.jobs.build?.steps.map(({ run }) => run ?? "").join("\n") ?? "";
    const order = ["npm test", "infra:check", "release:build", "cells trust", "release:verify"].map((step) =>
      build.indexOf(step),
    );
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(order[0]).toBeGreaterThan(-1);
  });
});
