import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { LogFault } from "../../../shared/contracts/log.ts";
import { TILE_WIDTH } from "../../../shared/crypto/log/tiles.ts";
import { EffectPostponed, type ObjectBody, type ObjectHandle, ObjectUnavailable } from "../object-class.ts";
import { FaultFound, LogArchive } from "./archive.ts";
import { nodeAt, rootAt, tileBytes } from "./nodes.ts";
import { othersFirst } from "./others-first.ts";
import type { LogOwner } from "./owner.ts";
import { duePartials, forgetPartials, keepPartials } from "./partials.ts";
import type { LogBounds, LogParts } from "./parts.ts";
import { pruneStep } from "./prune.ts";
import { publishCheckpoint, publishTiles } from "./publish-checkpoint.ts";
import { edgeTiles, fullTilesAt, readBack } from "./read-back.ts";
import { CellKeys } from "./read-checkpoint.ts";
import { sealStep } from "./seal.ts";
import { type CheckpointRow, checkpointRow, notePublished } from "./state.ts";
import { beginTurn, endTurn, haltLog, resumeLog, type Turn, turnFailed } from "./turn.ts";
import { witness } from "./witness.ts";

const BOUNDS: LogBounds = {
  rows_kept: LIMITS.logRowsKept,
  turn_entries_max: LIMITS.logTurnEntriesMax,
  step_rows_max: LIMITS.logStepRowsMax,
};
/** Steps of pruning after one publication: as many rows as it can have added, four times over. */
const PRUNE_STEPS_MAX = (4 * LIMITS.logTurnEntriesMax) / LIMITS.logStepRowsMax;
const PARTIALS_A_TURN = 4;

/** The object as the log's shell sees it: a call that finds the object gone ends the turn. */
export type Step = <T>(body: ObjectBody<T>) => Promise<T>;

/** The object is not provisioned any more; its log ends where it was published last. */
class ObjectGone extends Error {
  override readonly name = "ObjectGone";
}

/**
 * Runs the log's turns until none is due, or the host ends. Whatever is away is tried again later and halts nothing: that
 * rejects with `EffectPostponed`, after the object has noted when. Safe to be cut off anywhere: every step is repeated
 * with the same bytes under the same keys.
 */
export async function publishLog(object: ObjectHandle, log: string, owner: LogOwner, parts: LogParts): Promise<void> {
  const bounds = { ...BOUNDS, ...parts.bounds };
  const step: Step = async (body) => {
    const value = await object.call((sql, env) => ({ value: body(sql, env) }));
    if (!value) throw new ObjectGone("the object is not provisioned");
    return value.value;
  };
  try {
    for (;;) {
      const turn = await step((sql, env) => beginTurn(sql, env.now, owner.size(sql), parts.origin(log), bounds));
      if (!turn) return;
      await takeTurn(turn, step, log, owner, parts, bounds);
      if (object.ending?.()) return;
    }
  } catch (cause) {
    if (cause instanceof ObjectGone) return;
    if (cause instanceof ObjectUnavailable) throw cause;
    const waiting = await object.call((sql, env) => {
      turnFailed(sql, env.now);
      return owner.size(sql) - checkpointRow(sql).size;
    });
    parts.onUnpublished(log, waiting ?? 0);
    throw new EffectPostponed([cause]);
  }
}

async function takeTurn(
  turn: Turn,
  step: Step,
  log: string,
  owner: LogOwner,
  parts: LogParts,
  bounds: LogBounds,
): Promise<void> {
  const archive = new LogArchive(parts, log);
  try {
    const published = await compare(turn, step, archive, parts, bounds);
    await step((sql, env) => resumeLog(sql, env, owner));
    parts.onHalted(log, null);
    if (turn.target > published.size) await publish(turn, published.size, step, archive, parts, bounds);
  } catch (cause) {
    if (!(cause instanceof FaultFound)) throw cause;
    await halt(cause.fault, cause.message, step, log, owner, parts);
    return;
  }
  const waiting = await step((sql, env) => {
    const { size } = checkpointRow(sql);
    endTurn(sql, env.now, size < TILE_WIDTH ? 0 : (turn.scrub + 1) % Math.floor(size / TILE_WIDTH));
    return owner.size(sql) - size;
  });
  parts.onUnpublished(log, waiting);
  await tidy(step, archive, owner, bounds);
}

async function halt(fault: LogFault, detail: string, step: Step, log: string, owner: LogOwner, parts: LogParts) {
  const waiting = await step((sql, env) => {
    haltLog(sql, env, owner, fault, detail);
    return owner.size(sql) - checkpointRow(sql).size;
  });
  parts.onHalted(log, fault);
  parts.onUnpublished(log, waiting);
}

async function sealTo(size: number, step: Step, bounds: LogBounds): Promise<void> {
  while (await step((sql) => sealStep(sql, size, bounds.step_rows_max))) await othersFirst();
}

/** Reads the archive back: newest checkpoint, right edge, one full bundle with its tiles. Throws `FaultFound`. */
async function compare(
  turn: Turn,
  step: Step,
  archive: LogArchive,
  parts: LogParts,
  bounds: LogBounds,
): Promise<CheckpointRow> {
  const published = await witness(turn, archive, new CellKeys(parts.signer), {
    async rootAt(size) {
      await sealTo(size, step, bounds);
      return step((sql) => rootAt(sql, size));
    },
    notePublished: (checkpoint) => step((sql) => notePublished(sql, checkpoint)),
  });
  const { size } = published;
  const scrubbed = turn.scrub * TILE_WIDTH < size ? turn.scrub : 0;
  const seen = new Set<string>();
  for (const tile of [...edgeTiles(size), ...fullTilesAt(scrubbed, size)]) {
    const name = `${tile.level}/${tile.n}`;
    if (seen.has(name)) continue;
    seen.add(name);
    await readBack(tile, archive, {
      nodeOf: ({ level, n }) => step((sql) => nodeAt(sql, { height: 8 * (level + 1), index: n })),
      hashesOf: (partial) => step((sql) => tileBytes(sql, partial)),
    });
  }
  return published;
}

async function publish(
  turn: Turn,
  from: number,
  step: Step,
  archive: LogArchive,
  parts: LogParts,
  bounds: LogBounds,
): Promise<void> {
  await sealTo(turn.target, step, bounds);
  await publishTiles(turn, from, step, archive);
  const checkpoint = await publishCheckpoint(turn, step, archive, parts);
  // If we crash here, the next turn finds the checkpoint in the history and adopts it.
  await step((sql, env) => notePublished(sql, { ...checkpoint, published_ms: env.now }));
}

/** What can wait and is never needed for correctness: partial tiles that a full one replaced, and rows that the archive has. */
async function tidy(step: Step, archive: LogArchive, owner: LogOwner, bounds: LogBounds): Promise<void> {
  const due = await step((sql, env) => duePartials(sql, env.now, checkpointRow(sql).size, PARTIALS_A_TURN));
  for (const partials of due) {
    const entries = partials.level < 0;
    const lockedUntil = await archive.removePartials({ level: Math.max(partials.level, 0), n: partials.n }, entries);
    await step((sql) =>
      lockedUntil === null ? forgetPartials(sql, partials) : keepPartials(sql, partials, lockedUntil),
    );
  }
  for (let at = 0; at < PRUNE_STEPS_MAX && (await step((sql) => pruneStep(sql, owner, bounds))); at++)
    await othersFirst();
}
