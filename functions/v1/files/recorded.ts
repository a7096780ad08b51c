import type { Recorded } from "../../../shared/contracts/ports/tenant-store.ts";
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
 * answer, the tenant's object closes it as `outcome_unknown`.
 */
export async function recorded<T, E extends { reason: string }>(
  { tenants, telemetry }: Pick<Deps, "tenants" | "telemetry">,
  { actor, by, request }: Pick<Call, "actor" | "by" | "request">,
  { resource, action, detail }: RecordedChange,
  act: () => Promise<Result<T, E>>,
): Promise<Result<T, E>> {
  const begins = `${action}:${request}`;
  const ends = `${begins}:end`;
  const note = async (entry: Pick<Recorded, "outcome" | "detail" | "dedupe" | "ended_by">) =>
    unwrap(await tenants.record(actor.scopes.tenant, { kind: "data.changed", action, by, ...entry }));
  const about = { resource, ...detail };
  const { seq: opened } = await note({ outcome: "pending", detail: about, dedupe: begins, ended_by: ends });
  const made = await act();
  const ended = made.ok ? { ...about, opened } : { ...about, opened, reason: made.error.reason };
  try {
    await askedAgain(() => note({ outcome: made.ok ? "success" : "failure", detail: ended, dedupe: ends }));
  } catch (cause) {
    // It is done, or refused, and whoever asked is told so.
    telemetry.log.error("record.unended", cause, { request, resource });
  }
  return made;
}
