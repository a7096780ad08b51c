import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openMemorySql } from "../../durable/runtime/node-sql.ts";
import { startObjects, type TestObjects } from "../support/workerd-objects.ts";
import { SQL_CASES } from "./sql.cases.ts";

describe("Sql over node:sqlite", () => {
  it.each(SQL_CASES)("$title", ({ run }) => {
    const sql = openMemorySql();
    run(sql);
    expect(sql.inTransaction).toBe(false);
    sql.close();
  });
});

describe("Sql over Durable Object storage, inside workerd", () => {
  let objects: TestObjects;
  beforeAll(async () => {
    objects = await startObjects();
  });
  afterAll(() => objects.stop());

  it.each(SQL_CASES)("$title", async ({ title }) => {
    await expect(objects.runSqlCase(title, false)).resolves.toBe("passed");
  });

  it.each(SQL_CASES)("in a step of the shell: $title", async ({ title }) => {
    await expect(objects.runSqlCase(title, true)).resolves.toBe("passed");
  });
});
