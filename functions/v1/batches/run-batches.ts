import type { TenantId, UnixMs } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { BatchPart, BatchRunner, BatchTurn } from "../../../shared/contracts/ports/batch-store.ts";
import type { ObjectStore } from "../../../shared/contracts/ports/object-store.ts";
import type { Deps } from "../../context.ts";
import { fileKey, partKey, putContent } from "../files/content.ts";
import { sealName } from "../files/file.ts";
import { dispatch } from "./dispatch.ts";
import { BatchLost, type Driven, driven, kept } from "./drive.ts";
import { partsOf } from "./parts.ts";
import { Results } from "./results.ts";
import { validate } from "./validate.ts";

/**
 * Drives batches from their creation to their files: whoever has the lease goes on where the last turn stopped. `awaited`:
 * a turn is waited for and bounded, where nothing else keeps the process at work on it.
 */
export function batchRunner(deps: Deps, { awaited }: { awaited: boolean }): BatchRunner {
  async function drive(objects: ObjectStore, tenant: TenantId, turn: BatchTurn): Promise<void> {
    const { id } = turn.batch;
    const leave = deps.lifecycle.enter();
    try {
      const untilMs = awaited ? deps.clock.now() + LIMITS.batchTurnMsMax : Number.POSITIVE_INFINITY;
      const of = await driven(deps, objects, turn, tenant, untilMs);
      const whole = await step(of);
      if (!whole) await deps.batches.releaseBatch(tenant, id, turn.fence, 0);
    } catch (cause) {
      if (cause instanceof BatchLost) return;
      deps.telemetry.log.error("batch.turn", cause, { batch: id });
      // If this does not arrive, the lease ends by itself.
      await deps.batches
        .releaseBatch(tenant, id, turn.fence, LIMITS.batchRetryMsMin * 2)
        .catch((failure: unknown) => deps.telemetry.log.warn("batch.release", { batch: id, cause: String(failure) }));
    } finally {
      leave();
    }
  }
  return {
    async turn(tenant, batch) {
      if (deps.archive === null || deps.lifecycle.draining) return;
      const leased = await deps.batches.leaseBatch(tenant, batch, LIMITS.batchLeaseMs);
      if (!leased.ok) return;
      const over = drive(deps.archive, tenant, leased.value);
      if (awaited) await over;
    },
    async remove(tenant, what) {
      const { archive: objects } = deps;
      if (objects === null) return;
      if ("file" in what) {
        await objects.delete(fileKey(tenant, what.file));
        return;
      }
      for (const part of what.parts) await objects.delete(partKey(tenant, what.parts_of, part));
    },
  };
}

/** As far as this turn comes; answers whether the batch has ended. */
async function step(of: Driven): Promise<boolean> {
  if (of.batch.status === "validating") {
    await validate(of);
    // The dispatch reads from the beginning, in a turn of its own.
    return of.batch.times.failed !== undefined;
  }
  const { deps, tenantId, id, fence } = of;
  const results = new Results(of);
  // Lines of a batch that was never validated are nobody's: they are not run, and not told.
  const unread = of.batch.times.in_progress === undefined;
  if (!unread && !(await dispatch(of, results))) return false;
  of.batch = kept(await deps.batches.finalizing(tenantId, id, fence));
  const has_output = await assemble(of, "output", results.parts("output"));
  const has_errors = await assemble(of, "errors", results.parts("errors"));
  await deps.tenants.record(tenantId, {
    kind: "data.changed",
    action: "batch:write",
    by: {
      request: of.call.request as never, // safe because: sealed from the request's id
      subject: of.call.actor.subject,
      credential: of.call.actor.credential,
      acr: of.call.actor.acr,
      ...scopesOf(of),
      cell: deps.cell.id,
      region: deps.cell.region,
      source: null,
      release: deps.cell.release,
      snapshot: deps.config.current().digest,
      decision: null,
      policy: null,
    },
    detail: {
      resource: id,
      completed: of.batch.counts.completed,
      failed: of.batch.counts.failed,
      total: of.batch.counts.total,
      ...(has_output ? { output_file: of.batch.output_file } : {}),
      ...(has_errors ? { error_file: of.batch.error_file } : {}),
    },
    dedupe: `batch:end:${id}`,
  });
  of.batch = kept(await deps.batches.finishBatch(tenantId, id, fence, { has_output, has_errors }));
  return true;
}

const scopesOf = ({ call }: Driven) => {
  const { workspace, project, environment } = call.actor.scopes;
  return { workspace, project, environment };
};

/** Puts a file together from its parts, one at a time; repeating it makes the same file. False when there are none. */
async function assemble(of: Driven, kind: "output" | "errors", parts: readonly BatchPart[]): Promise<boolean> {
  if (parts.length === 0) return false;
  const { deps, objects, tenantId, id, fence, batch } = of;
  const file = kind === "output" ? batch.output_file : batch.error_file;
  const begun = await deps.batches.beginFile(tenantId, { id: file, workspace: batch.workspace });
  if (!begun.ok) throw new Error("the tenant has as many files as it may have");
  const renew = async () => {
    of.batch = kept(await deps.batches.renewBatch(tenantId, id, fence));
  };
  const bytes = await putContent(objects, of, file, partsOf(of, parts, renew));
  const { output_life_ms: lifeMs } = batch;
  const named = await deps.batches.keepFile(tenantId, file, {
    purpose: "batch_output",
    bytes,
    name: await sealName(of, file, `${id}_${kind === "output" ? "output" : "error"}.jsonl`),
    expires_ms: lifeMs === null ? null : ((deps.clock.now() + lifeMs) as UnixMs), // safe because: milliseconds plus milliseconds
  });
  if (!named.ok) throw new Error(`the file ${file} is gone`);
  return true;
}
