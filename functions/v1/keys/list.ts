import { KeyList } from "../../../shared/contracts/http/keys.ts";
import { PageQuery } from "../../../shared/contracts/http/page.ts";
import { decodeCursor, encodeCursor } from "../cursor.ts";
import { READ } from "../input.ts";
import { operation, value } from "../operation.ts";
import { unwrap } from "../refusals.ts";
import { keyObject } from "./view.ts";

export const listKeys = operation({
  ...READ,
  id: "keys.list",
  path: "/v1/keys",
  action: "key:read",
  gate: "governed",
  credential: "compared",
  query: PageQuery,
  success: [200, KeyList, "The tenant's keys, oldest first, without secrets."],
  problems: [],
  summary: "List API keys",
  tag: "Keys",
  resource: { kind: "key" },
  async execute(deps, { access, query, tenant }) {
    const page = unwrap(
      await deps.tenants.listKeys(tenant.id, access, { after: decodeCursor("keys", query.cursor), limit: query.limit }),
    );
    return value({
      object: "list",
      data: page.keys.map(keyObject),
      has_more: page.next !== null,
      next_cursor: page.next === null ? null : encodeCursor("keys", page.next),
    });
  },
});
