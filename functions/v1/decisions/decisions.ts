import {
  DecisionList,
  DecisionLog,
  DecisionLogQuery,
  DecisionObject,
  DecisionPath,
} from "../../../shared/contracts/http/decisions.ts";
import { PageQuery } from "../../../shared/contracts/http/page.ts";
import { DecisionId } from "../../../shared/contracts/ids.ts";
import type { DecisionRecord } from "../../../shared/contracts/policy/record.ts";
import type { Call, Deps } from "../../context.ts";
import { ProblemError } from "../../problem.ts";
import { decodeCursor, encodeCursor } from "../cursor.ts";
import { READ } from "../input.ts";
import { operation, value } from "../operation.ts";
import { unwrap } from "../refusals.ts";
import { logEntry, MASKED } from "./opa-log.ts";
import { recordOf } from "./record.ts";
import { decisionObject, decisionSummary } from "./view.ts";

const common = { action: "policy:read", gate: "governed", credential: "compared", tag: "Decisions" } as const;

export const listDecisions = operation({
  ...READ,
  ...common,
  id: "decisions.list",
  path: "/v1/decisions",
  query: PageQuery,
  success: [200, DecisionList, "What was decided about the tenant's calls, newest first: the last 4,096."],
  problems: [],
  summary: "List decisions",
  resource: { kind: "decision" },
  execute: async (deps, call) => value(await pageOfDecisions(deps, call, "decisions", decisionSummary)),
});

/** In the form that collectors of OPA's decision logs read. */
export const logDecisions = operation({
  ...READ,
  ...common,
  id: "decisions.log",
  path: "/v1/decisions/log",
  query: DecisionLogQuery,
  success: [200, DecisionLog, "Entries in OPA's decision log format, newest first, masked."],
  problems: [],
  summary: "Read the decision log in OPA's format",
  resource: { kind: "decision" },
  async execute(deps, call) {
    const pointers = [...MASKED, ...(call.query.erase?.split(",") ?? [])];
    return value(await pageOfDecisions(deps, call, "decision-log", (record) => logEntry(record, deps.cell, pointers)));
  },
});

async function pageOfDecisions<T>(
  deps: Deps,
  call: Call<unknown, unknown, PageQuery>,
  list: string,
  view: (record: DecisionRecord) => T,
) {
  const { limit, cursor } = call.query;
  const position = decodeCursor(list, cursor);
  const before = position === null ? null : DecisionId.safeParse(position);
  if (before?.success === false)
    throw new ProblemError("invalid-request", { param: "cursor", detail: "This cursor is not from this list." });
  const page = { limit, before: before?.data ?? null };
  const { decisions, more } = unwrap(await deps.tenants.decisions(call.tenant.id, call.access, page));
  const last = decisions.at(-1);
  return {
    object: "list",
    data: decisions.map((kept) => view(recordOf(kept))),
    has_more: more,
    next_cursor: more && last ? encodeCursor(list, last.id) : null,
  };
}

export const getDecision = operation({
  ...READ,
  ...common,
  id: "decisions.get",
  path: "/v1/decisions/{decision_id}",
  params: DecisionPath,
  success: [200, DecisionObject, "The decision explained: policies, rules that held, obligations and their outcome."],
  problems: ["not-found"],
  summary: "Explain a decision",
  resource: { kind: "decision", param: "decision_id" },
  async execute(deps, { actor, tenant, access, params }) {
    const kept = unwrap(await deps.tenants.decision(tenant.id, access, params.decision_id));
    const record = recordOf(kept);
    return value(decisionObject(actor, kept, record, await deps.policyTools.explain(tenant.id, record)));
  },
});
