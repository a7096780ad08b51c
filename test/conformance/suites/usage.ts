import { beforeAll, describe, expect, it } from "vitest";
import { type Lab, type Tenant, user } from "../../support/lab.ts";
import { controlDbUp, missingFor } from "../../support/operation-rows.ts";

/** A second workspace down to its environment, so that keys can be bound to it. */
async function research(lab: Lab, { adminKey: key }: Tenant): Promise<void> {
  const workspace = "research";
  await lab.json("/v1/workspaces", { key, body: { id: workspace, name: "Research" } });
  await lab.json("/v1/projects", { key, body: { id: "default", workspace, name: "Default" } });
  await lab.json("/v1/environments", { key, body: { id: "production", project: "default", workspace, name: "P" } });
}

/** Who sees whose usage. */
export function usageSuite(lab: Lab): void {
  describe("usage", () => {
    beforeAll(() => controlDbUp(lab));

    it("of another workspace is hidden from who has no tenant-wide role, so that teams never read each other's costs", async ({
      skip,
    }) => {
      const missing = missingFor({ needsControlDb: true }, lab);
      if (missing) skip(missing);
      const tenant = await lab.newTenant();
      await research(lab, tenant);
      const keyOf = async (workspace: string, ...roles: string[]): Promise<string> =>
        (await lab.newKey(tenant, { workspace, roles })).secret;
      const [ours, theirs] = [await keyOf("default", "developer"), await keyOf("research", "developer")];
      const body = { model: "echo", messages: [user("x")] };
      for (const key of [ours, theirs, theirs]) await (await lab.ask("/v1/chat/completions", { key, body })).text();

      const report = (key: string, query: string) => lab.json(`/v1/usage?${query}`, { key });
      const seen = async (key: string, query = ""): Promise<[string, number][]> =>
        (await report(key, `group_by=workspace${query}`)).data
          .map((row: { workspace: string; requests: number }) => [row.workspace, row.requests])
          .sort();
      for (const roles of [["admin"], ["operator"], ["auditor"], ["developer", "auditor"]]) {
        const key = await keyOf("research", ...roles);
        expect(await seen(key), roles.join()).toEqual([
          ["default", 1],
          ["research", 2],
        ]);
        expect(await seen(key, "&workspace=default"), roles.join()).toEqual([["default", 1]]);
      }
      for (const key of [theirs, await keyOf("research", "approver")]) {
        expect(await seen(key)).toEqual([["research", 2]]);
        expect(await seen(key, "&workspace=research")).toEqual([["research", 2]]);
        // Grouped by anything else, the others' calls are not in the sums either.
        expect((await report(key, "group_by=model")).data).toMatchObject([{ requests: 2 }]);
      }
      expect(await seen(ours)).toEqual([["default", 1]]);
      const answer = async (workspace: string) => {
        const response = await lab.ask(`/v1/usage?workspace=${workspace}`, { key: ours });
        return [response.status, await response.text()];
      };
      expect((await answer("research"))[0]).toBe(200);
      expect(await answer("research")).toEqual(await answer("nobodys"));
    });
  });
}
