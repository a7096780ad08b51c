import { beforeAll, describe, expect, it } from "vitest";
import { OPERATIONS } from "../../../functions/v1/index.ts";
import type { Operation } from "../../../functions/v1/operation.ts";
import { ROLES } from "../../../shared/contracts/actor.ts";
import { exampleOf } from "../../../shared/contracts/http/fields.ts";
import type { Lab, Tenant } from "../../support/lab.ts";
import { controlDbUp, fill, missingFor, OPERATION_ROWS, unlike } from "../../support/operation-rows.ts";
import { CELL_ACTIONS, ROLE_ACTIONS } from "../../support/role-actions.ts";

const governed = OPERATIONS.filter(({ gate }) => gate === "governed").map((operation) => ({
  id: operation.id,
  operation,
}));
const withIds = governed.filter(({ operation: { id, path } }) => /\{/.test(path) && !OPERATION_ROWS[id]?.nobodys);
/** The first role that may not do it; none for what every role may. */
const lesserRole = (action: string) =>
  CELL_ACTIONS.includes(action)
    ? ("admin" as const)
    : ROLES.find((role) => !ROLE_ACTIONS[role].some((allowed) => allowed === action));

/** Every operation × everybody who must not: the table that an operation cannot ship without. */
export function unauthorisedSuite(lab: Lab): void {
  let home: Tenant;
  let stranger: Tenant;
  const keys = new Map<string, string>();
  let suspendedKey = "";

  beforeAll(async () => {
    await controlDbUp(lab);
    [home, stranger] = [await lab.newTenant(), await lab.newTenant()];
    for (const role of ROLES) keys.set(role, (await lab.newKey(home, { roles: [role] })).secret);
    for (const scope of ["ledger:read", "model:read"])
      keys.set(scope, (await lab.newKey(home, { roles: ["admin"], scopes: [scope] })).secret);
    const suspended = await lab.newTenant();
    suspendedKey = suspended.adminKey;
    const path = `/v1/tenants/${suspended.id}`;
    await lab.json(path, { key: lab.cell.adminKey, method: "PATCH", body: { suspended: true } });
  });

  const keyOf = (name: string): string => keys.get(name) ?? expect.fail(`no key for ${name}`);
  /** Asks with the operation's example; ids in the path exist nowhere unless given. */
  const ask = (operation: Operation, key: string | undefined, path = fill(operation.path, IDS)) =>
    lab.ask(path, {
      method: operation.method.toUpperCase(),
      ...(key === undefined ? {} : { key }),
      ...(operation.body ? { body: exampleOf(operation.body) } : {}),
      ...(operation.media !== null && !operation.body
        ? { body: new Uint8Array([0x1f, 0x8b]), headers: { "content-type": operation.media } }
        : {}),
    });
  const told = async (response: Response) => {
    const document = await response.json();
    return [response.status, document.error.code];
  };

  describe("who must not", () => {
    it.each(governed)("gets nothing from $id without a credential, or with a made-up one", async ({ operation }) => {
      const madeUp = `bw_local_default_000000000000_${"0".repeat(71)}`;
      for (const key of [undefined, "nonsense", madeUp]) {
        const response = await ask(operation, key);
        expect(response.headers.get("www-authenticate")).toMatch(/^Bearer /);
        expect(await told(response)).toEqual([401, "invalid_api_key"]);
      }
    });

    it.each(governed)("gets nothing from $id while the tenant is suspended", async ({ operation }) => {
      expect(await told(await ask(operation, suspendedKey))).toEqual([403, "tenant_suspended"]);
    });

    it.each(governed.filter(({ operation }) => lesserRole(operation.action)))(
      "gets nothing from $id with a role that may not",
      async ({ operation }) => {
        const role = lesserRole(operation.action) ?? "admin";
        expect(await told(await ask(operation, keyOf(role)))).toEqual([403, "forbidden"]);
      },
    );

    it.each(governed.filter(({ operation }) => !CELL_ACTIONS.includes(operation.action)))(
      "gets nothing from $id with a credential that was narrowed to something else",
      async ({ operation }) => {
        const response = await ask(operation, keyOf(operation.action === "ledger:read" ? "model:read" : "ledger:read"));
        expect(response.headers.get("www-authenticate")).toContain('error="insufficient_scope"');
        expect(await told(response)).toEqual([403, "insufficient_scope"]);
      },
    );

    it.for(withIds)("learns nothing from $id about another tenant's ids", async ({ id, operation }, { skip }) => {
      const row = OPERATION_ROWS[id] ?? {};
      const missing = missingFor(row, lab);
      if (missing) skip(missing);
      const owner = row.configured ? await lab.configuredTenant(row.configured) : home;
      const theirs = (await row.path?.({ lab, tenant: owner })) ?? {};
      const nobodys = Object.fromEntries(Object.entries(theirs).map(([name, value]) => [name, unlike(value)]));
      const [seen, absent] = [
        await ask(operation, stranger.adminKey, fill(operation.path, theirs)),
        await ask(operation, stranger.adminKey, fill(operation.path, nobodys)),
      ];
      expect(seen.status).toBe(row.stranger ?? 404);
      expect(await anonymous(seen, theirs)).toEqual(await anonymous(absent, nobodys));
      // Their owner still has it: nothing was done to it.
      if (operation.method === "get")
        expect((await ask(operation, owner.adminKey, fill(operation.path, theirs))).status).toBe(operation.success[0]);
    });
  });

  describe("the cell's own operations", () => {
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

/** Well-formed ids that nobody has. */
const IDS: Readonly<Record<string, string>> = {
  model: "small",
  path: "0/000",
  task_id: `task_${"0".repeat(26)}`,
  response_id: `resp_${"0".repeat(26)}_${"0".repeat(26)}`,
  conversation_id: `conv_${"0".repeat(26)}`,
  item_id: "msg_0",
  tenant_id: "0",
  workspace_id: "nobodys",
  project_id: "nobodys",
  environment_id: "nobodys",
  kid: "000000000000",
  budget_id: `bud_${"0".repeat(26)}`,
  credential_id: `cred_${"0".repeat(26)}`,
  revision: "1",
  decision_id: `dec_${"0".repeat(26)}`,
  approval_id: `apr_${"0".repeat(26)}`,
  pool: "local",
  letter_id: "interactive.0",
};

/** What an answer says, without what differs between any two calls. */
async function anonymous(response: Response, ids: Readonly<Record<string, string>>) {
  let text = await response.text();
  for (const id of Object.values(ids)) text = text.replaceAll(id, "<id>");
  text = text.replace(/req_[0-9A-Za-z]{26}/g, "<request>").replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<time>");
  const headers = [...response.headers].filter(([name]) => !["date", "x-request-id", "content-length"].includes(name));
  return { status: response.status, headers: headers.sort(), text };
}
