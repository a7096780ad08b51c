import type { Actor, Role } from "../../../shared/contracts/actor.ts";
import { UsageQuery, UsageReport } from "../../../shared/contracts/http/usage.ts";
import type { WorkspaceId } from "../../../shared/contracts/ids.ts";
import { formatUsd } from "../../../shared/contracts/money.ts";
import { decodeCursor, encodeCursor } from "../cursor.ts";
import { READ } from "../input.ts";
import { operation, value } from "../operation.ts";
import { unwrap } from "../refusals.ts";

const DAY_MS = 86_400_000;
const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** Roles that answer for the whole tenant. */
const TENANT_WIDE: ReadonlySet<Role> = new Set<Role>(["admin", "operator", "auditor"]);

/** The only workspace whose usage the caller may read; null for every one. */
const confinedTo = ({ roles, cell_operator, scopes }: Actor): WorkspaceId | null =>
  cell_operator || roles.some((role) => TENANT_WIDE.has(role)) ? null : scopes.workspace;

/** Sums of what was settled, from the tenant's object: the same sums as its ledger and its billing rows. */
export const reportUsage = operation({
  ...READ,
  id: "usage.report",
  path: "/v1/usage",
  action: "usage:read",
  gate: "governed",
  credential: "compared",
  query: UsageQuery,
  success: [
    200,
    UsageReport,
    "Requests, tokens and cost by day, model, workspace and key; of the caller's own workspace unless a role is tenant-wide.",
  ],
  problems: [],
  summary: "Report usage and cost",
  tag: "Usage",
  resource: { kind: "usage" },
  async execute(deps, { access, actor, query, tenant }) {
    const to = query.to ?? dayOf(deps.clock.now() + DAY_MS);
    const from = query.from ?? dayOf(Date.parse(to) - 30 * DAY_MS);
    const offset = Number(decodeCursor("usage", query.cursor) ?? "0");
    const own = confinedTo(actor);
    const found = unwrap(
      await deps.tenants.usage(tenant.id, access, {
        from,
        to,
        group_by: query.group_by,
        workspace: own ?? query.workspace ?? null,
        limit: query.limit + 1,
        offset: Number.isSafeInteger(offset) && offset >= 0 ? offset : 0,
      }),
    );
    // Another's workspace is as empty as one that does not exist; the credential was compared all the same.
    const groups = own !== null && query.workspace !== undefined && query.workspace !== own ? [] : found;
    const more = groups.length > query.limit;
    return value({
      object: "list",
      from,
      to,
      group_by: query.group_by,
      data: groups
        .slice(0, query.limit)
        .map((group) => ({ object: "usage", ...group, cost_usd: formatUsd(group.cost_nusd) })),
      has_more: more,
      next_cursor: more ? encodeCursor("usage", String(offset + query.limit)) : null,
    });
  },
});
