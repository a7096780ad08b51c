import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { objectFolder, objectPath } from "../../durable/runtime/object-path.ts";
import { TenantId } from "../../shared/contracts/ids.ts";
import type { MovedObject } from "../../shared/contracts/tenant-move.ts";
import { namesOfFiles } from "./embedded-moved-objects.ts";

const ACME = TenantId.parse("acme");
const CLASSES = {
  tenant: { name: "tenant" },
  session: { name: "session" },
  task: { name: "task" },
  batch: { name: "batch" },
};
const name = (of: "session" | "task", n: number): MovedObject => ({
  class: of,
  name: `acme:${of}_${String(n).padStart(4, "0")}`,
});
let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "moved-"));
});
afterEach(() => rmSync(home, { recursive: true }));

it("names every object once and in order, whether it has a file, is listed, or both, however long the pages are", async () => {
  const withFile = [name("session", 1), name("session", 4), ...[0, 3, 4, 9, 12].map((n) => name("task", n))];
  const listed = [name("session", 2), name("session", 4), ...[1, 2, 3, 5, 6, 7, 12, 13].map((n) => name("task", n))];
  for (const { class: of, name: object } of [...withFile, { class: "task" as const, name: "acmes:task_0001" }]) {
    const path = objectPath(objectFolder(home, of), object);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, "");
  }
  const asked: number[] = [];
  const list = async (_tenant: TenantId, after: MovedObject | null, limit: number): Promise<MovedObject[]> => {
    const all: MovedObject[] = [{ class: "batch", name: "acme" }, ...listed];
    const from = after === null ? 0 : after.class === "batch" ? 1 : all.findIndex((one) => behind(one, after));
    const page = from < 0 ? [] : all.slice(from, from + limit);
    asked.push(page.length);
    return page;
  };
  const wanted = [...new Set([...withFile, ...listed].map((one) => JSON.stringify(one)))].sort();
  for (const limit of [1, 2, 3, 5, 100]) {
    const names = namesOfFiles(home, CLASSES, list);
    const found: MovedObject[] = [];
    for (
      let page = await names(ACME, null, limit);
      page.length > 0;
      page = await names(ACME, found.at(-1) ?? null, limit)
    ) {
      expect(page.length).toBeLessThanOrEqual(limit);
      found.push(...page);
    }
    expect(found.slice(0, -1).map((one) => JSON.stringify(one))).toEqual(wanted);
    expect(found.at(-1)).toEqual({ class: "batch", name: "acme" });
    expect(Math.max(...asked.splice(0))).toBeLessThanOrEqual(limit + 1);
  }
});

const behind = (one: MovedObject, after: MovedObject): boolean =>
  one.class !== "batch" && `${one.class} ${one.name}` > `${after.class} ${after.name}`;
