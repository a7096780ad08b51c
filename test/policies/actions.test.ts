import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { OPERATIONS } from "../../functions/v1/index.ts";

const Actions = z.record(z.string(), z.unknown());
const { rbac } = z
  .object({ rbac: z.object({ tenant_actions: Actions, cell_actions: Actions }) })
  .parse(JSON.parse(readFileSync(new URL("../../policies/cell/data.json", import.meta.url), "utf8")));

describe("the default policy's table of actions", () => {
  it("names the action of every governed operation, so that none ships closed to everybody", () => {
    const governed = OPERATIONS.filter(({ gate }) => gate !== "public").map(({ action }) => action);
    const unknown = governed.filter((action) => !(action in rbac.tenant_actions || action in rbac.cell_actions));
    expect([...new Set(unknown)]).toEqual([]);
    expect(governed.length).toBeGreaterThan(20);
  });

  it("names no action twice, so that what is the cell's alone is in no tenant's row", () => {
    expect(Object.keys(rbac.cell_actions).filter((action) => action in rbac.tenant_actions)).toEqual([]);
  });
});
