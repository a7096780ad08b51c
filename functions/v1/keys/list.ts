import { KeyList } from "../../../shared/contracts/http/keys.ts";
import { PageQuery } from "../../../shared/contracts/http/page.ts";
import { decodeCursor, encodeCursor } from "../cursor.ts";
import { READ } from "../input.ts";
import { operation, value } from "../operation.ts";
import { readable } from "../readable.ts";
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
  success: [200, KeyList, "The tenant's keys that the caller may read, oldest first, without secrets."],
  problems: [],
  summary: "List API keys",
  tag: "Keys",
  resource: { kind: "key" },
  async execute(deps, call) {
    const { access, query, tenant } = call;
    const page = unwrap(
      await deps.tenants.listKeys(tenant.id, access, { after: decodeCursor("keys", query.cursor), limit: query.limit }),
    );
    const keys = await readable(deps, call, page.keys, (key) => ({ ...key, id: key.kid }));
    return value({
      object: "list",
      data: keys.map(keyObject),
      has_more: page.next !== null,
      next_cursor: page.next === null ? null : encodeCursor("keys", page.next),
    });
  },
});
