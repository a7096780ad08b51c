import type { LedgerEntry } from "../../../shared/contracts/ledger.ts";
import type { Result } from "../../../shared/contracts/result.ts";
import type { Call, Deps } from "../../context.ts";
import { askedAgain } from "../../pipeline/asked-again.ts";
import { unwrap } from "../refusals.ts";

/** What changes, as both of its entries say it: never content, but what it was committed to. */
export interface RecordedChange {
  resource: string;
  action: "file:write" | "batch:write";
  detail: Record<string, string | number>;
}

/**
 * A change of files and batches between the two entries of the tenant's ledger that tell of it: `pending` before it is
 * done, so that nothing happens unrecorded, and how it ended behind it. If we crash in between, or the store does not
 * answer, the ledger says that it was begun, and nothing of how it ended.
 */
export async function recorded<T, E extends { reason: string }>(
  deps: Pick<Deps, "tenants" | "telemetry">,
  call: Pick<Call, "actor" | "by" | "request">,
  change: RecordedChange,
  act: () => Promise<Result<T, E>>,
): Promise<Result<T, E>> {
  await note(deps, call, change, "pending", "");
  const made = await act();
  const ended = made.ok ? change : { ...change, detail: { ...change.detail, reason: made.error.reason } };
  try {
    await askedAgain(() => note(deps, call, ended, made.ok ? "success" : "failure", ":end"));
  } catch (cause) {
    // It is done, or refused, and whoever asked is told so.
    deps.telemetry.log.error("record.unended", cause, { request: call.request, resource: change.resource });
  }
  return made;
}

async function note(
  { tenants }: Pick<Deps, "tenants">,
  { actor, by, request }: Pick<Call, "actor" | "by" | "request">,
  { resource, action, detail }: RecordedChange,
  outcome: LedgerEntry["outcome"],
  step: string,
): Promise<void> {
  unwrap(
    await tenants.record(actor.scopes.tenant, {
      ...{ kind: "data.changed", outcome, action, by },
      detail: { resource, ...detail },
      dedupe: `${action}:${request}${step}`,
    }),
  );
}
