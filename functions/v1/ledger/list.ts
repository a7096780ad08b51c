import { LedgerPage, LedgerQuery } from "../../../shared/contracts/http/ledger.ts";
import { READ } from "../input.ts";
import { operation, value } from "../operation.ts";
import { unwrap } from "../refusals.ts";

export const listLedger = operation({
  ...READ,
  id: "ledger.list",
  path: "/v1/ledger",
  action: "ledger:read",
  gate: "governed",
  credential: "compared",
  query: LedgerQuery,
  success: [200, LedgerPage, "Entries of the tenant's hash-chained log, oldest first, with its size and head."],
  problems: [],
  summary: "Read the ledger",
  tag: "Ledger",
  resource: { kind: "ledger" },
  async execute(deps, { access, query, tenant }) {
    const { entries, size, head } = unwrap(await deps.tenants.ledger(tenant.id, access, query));
    const next = query.from + entries.length;
    const more = next < size;
    return value({ object: "list", data: entries, has_more: more, next_from: more ? next : null, size, head });
  },
});
