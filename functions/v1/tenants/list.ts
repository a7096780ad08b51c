import { PageQuery } from "../../../shared/contracts/http/page.ts";
import { TenantList } from "../../../shared/contracts/http/tenants.ts";
import { TenantId } from "../../../shared/contracts/ids.ts";
import { decodeCursor, encodeCursor } from "../cursor.ts";
import { READ } from "../input.ts";
import { operation, value } from "../operation.ts";
import { requireCellOperator } from "./target.ts";
import { tenantObject } from "./view.ts";

export const listTenants = operation({
  ...READ,
  id: "tenants.list",
  path: "/v1/tenants",
  action: "tenant:list",
  gate: "governed",
  credential: "fresh",
  query: PageQuery,
  success: [200, TenantList, "The tenants of this cell, by id."],
  problems: [],
  summary: "List tenants",
  tag: "Tenants",
  resource: { kind: "tenant" },
  async execute(deps, call) {
    requireCellOperator(call);
    const ids = await deps.cellStore.tenants({
      after: decodeCursor("tenants", call.query.cursor),
      limit: call.query.limit + 1,
    });
    const page = ids.slice(0, call.query.limit);
    const found = await Promise.all(page.map((id) => deps.tenants.lookup(TenantId.parse(id), null)));
    const last = page.at(-1);
    const more = ids.length > page.length;
    return value({
      object: "list",
      data: found.flatMap((tenant) => (tenant.ok ? [tenantObject(tenant.value.state, deps.cell)] : [])),
      has_more: more,
      next_cursor: more && last ? encodeCursor("tenants", last) : null,
    });
  },
});
