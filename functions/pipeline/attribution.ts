import type { Actor } from "../../shared/contracts/actor.ts";
import type { Decided } from "../../shared/contracts/decision.ts";
import type { Attribution } from "../../shared/contracts/ledger.ts";
import type { CellInfo, Incoming } from "../context.ts";

/** Who, where and under which rules: the AU-3 members that every ledger entry of a call shares. */
export const attributionOf = (
  actor: Actor,
  incoming: Incoming,
  cell: CellInfo,
  snapshot: string,
  decided: Decided | null,
): Attribution => ({
  request: incoming.request,
  subject: actor.subject,
  credential: actor.credential,
  acr: actor.acr,
  workspace: actor.scopes.workspace,
  project: actor.scopes.project,
  environment: actor.scopes.environment,
  cell: cell.id,
  region: cell.region,
  source: incoming.runtime.source,
  release: cell.release,
  snapshot,
  decision: decided?.id ?? null,
  policy: decided?.policy_digest ?? null,
});
