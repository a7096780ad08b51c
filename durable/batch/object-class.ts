import { BatchId, FileId, TenantId } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { BatchPart, BatchRunner } from "../../shared/contracts/ports/batch-store.ts";
import { EffectPostponed, type ObjectClass, type ObjectHandle } from "../runtime/object-class.ts";
import type { CoreEnv, Sql } from "../runtime/sql.ts";
import { clearTimer, dueTimers, nextTimer, setTimer } from "../runtime/timers.ts";
import { batchRow, forgetBatch } from "./batches.ts";
import { goneFile, removedFile } from "./files.ts";
import { BATCH_MIGRATIONS } from "./migrations.ts";
import { allParts } from "./parts.ts";

/** Timers handled in one step. */
const DUE_MAX = 100;
/** Served by the alarm's effects; the others by its sweep. */
const EFFECTS: ReadonlySet<string> = new Set(["turn", "remove", "parts"]);

export interface DueBatchWork {
  turns: BatchId[];
  files: FileId[];
  parts: { batch: BatchId; parts: BatchPart[] }[];
}

/** Each piece is moved on before it is tried: never lost, and never tried in a hurry. */
export function dueBatchWork(sql: Sql, env: CoreEnv): DueBatchWork {
  const due: DueBatchWork = { turns: [], files: [], parts: [] };
  for (const { kind, key } of dueTimers(sql, env.now, DUE_MAX)) {
    if (!EFFECTS.has(kind)) continue;
    setTimer(sql, { kind, key, due_ms: env.now + LIMITS.batchRetryMsMax });
    if (kind === "remove") due.files.push(FileId.parse(key));
    if (kind === "turn") due.turns.push(BatchId.parse(key));
    const row = kind === "parts" ? batchRow(sql, key) : undefined;
    if (row) due.parts.push({ batch: BatchId.parse(key), parts: allParts(sql, row) });
  }
  return due;
}

function sweep(sql: Sql, env: CoreEnv): boolean {
  const due = dueTimers(sql, env.now, DUE_MAX).filter(({ kind }) => !EFFECTS.has(kind));
  for (const { kind, key } of due) {
    if (kind === "file") goneFile(sql, env, key);
    else if (kind === "forget") forgetBatch(sql, key);
    else clearTimer(sql, kind, key);
  }
  return due.length === DUE_MAX;
}

/** What hosts must know of files and batches. Without a runner nothing is driven or removed, and what is due waits. */
export const batchObjectClass = (runner: BatchRunner | null): ObjectClass => ({
  name: "batch",
  migrations: BATCH_MIGRATIONS,
  nextDue: nextTimer,
  sweep,
  ...(runner === null ? {} : { effects: (object: ObjectHandle) => perform(object, runner) }),
});

/** Each piece by itself: one that fails holds up no other, and is tried again. */
async function perform(object: ObjectHandle, runner: BatchRunner): Promise<void> {
  const due = await object.call(dueBatchWork);
  if (!due) return;
  const tenant = TenantId.parse(object.name);
  const work: Promise<unknown>[] = [
    ...due.turns.map((id) => runner.turn(tenant, id)),
    // If we crash behind the removal it is done again, of what is not there any more.
    ...due.files.map((id) =>
      runner.remove(tenant, { file: id }).then(() => object.call((sql) => removedFile(sql, id))),
    ),
    ...due.parts.map(({ batch, parts }) =>
      runner
        .remove(tenant, { parts_of: batch, parts })
        .then(() => object.call((sql) => clearTimer(sql, "parts", batch))),
    ),
  ];
  const failures = (await Promise.allSettled(work)).filter((outcome) => outcome.status === "rejected");
  if (failures.length > 0) throw new EffectPostponed(failures.map(({ reason }) => reason));
}
