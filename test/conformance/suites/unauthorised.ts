import { beforeAll, describe, expect, it } from "vitest";
import { OPERATIONS } from "../../../functions/v1/index.ts";
import type { Lab, Tenant } from "../../support/lab.ts";
import { controlDbUp } from "../../support/operation-rows.ts";
import { TABLE, TRESPASSERS, type Trespass, trespass } from "../../support/trespass.ts";

/** Every operation × everybody who must not: the table that an operation cannot ship without. */
export function unauthorisedSuite(lab: Lab): void {
  let home: Tenant;
  let trespassing: Trespass;

  beforeAll(async () => {
    await controlDbUp(lab);
    home = await lab.newTenant();
    trespassing = await trespass(lab);
  });

  describe.each(TRESPASSERS)("who must not: %s", (who) => {
    const tried = TABLE.flatMap(({ operation, refusals }) =>
      refusals.flatMap(({ who: other, refusal: { what } }) =>
        other === who && what !== null ? [{ id: operation.id, operation, what }] : [],
      ),
    );

    it.for(tried)("gets $what from $id, and no more", async ({ operation, what }, { skip }) => {
      const missing = trespassing.missing(operation, who);
      if (missing) skip(missing);
      expect(await trespassing.observe(operation, who)).toBe(what);
    });
  });

  describe("the cell's own operations", () => {
    const told = async (response: Response) => [response.status, (await response.json()).error.code];

    it.each(OPERATIONS.filter(({ gate }) => gate === "operations").map(({ id, path }) => ({ id, path })))(
      "$id is for operators unless the cell listens on loopback alone",
      async ({ path }) => {
        if (lab.cell.runtime !== "workerd") {
          expect((await lab.ask(path)).status).toBe(200);
          return;
        }
        expect(await told(await lab.ask(path))).toEqual([401, "invalid_api_key"]);
        expect(await told(await lab.ask(path, { key: home.adminKey }))).toEqual([403, "forbidden"]);
        expect((await lab.ask(path, { key: lab.cell.adminKey })).status).toBe(200);
      },
    );
  });
}
