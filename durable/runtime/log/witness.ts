import { encodeBase64 } from "../../../shared/crypto/log/base64.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import { CHECKPOINT_PATH, envelopePath, FaultFound, historyPath, type LogArchive, sameBytes } from "./archive.ts";
import type { CellKeys, ReadCheckpoint } from "./read-checkpoint.ts";
import type { CheckpointRow } from "./state.ts";
import type { Turn } from "./turn.ts";

/** Steps of the object that the witness needs. */
export interface WitnessSteps {
  /** Root of our own tree at a size that is not larger than the log; seals up to it first. */
  rootAt(size: number): Promise<Uint8Array>;
  notePublished(checkpoint: CheckpointRow): Promise<void>;
}

/**
 * Compares the database with what the archive has of its checkpoints, before anything is signed. Throws `FaultFound` where
 * they disagree. Answers what is published: more than the object knew, if an earlier turn was cut off behind the archive.
 */
export async function witness(
  { origin, size, published, halted, now_ms }: Turn,
  archive: LogArchive,
  keys: CellKeys,
  steps: WitnessSteps,
): Promise<CheckpointRow> {
  const newest = await archive.newestBehind(published.size, size);
  if (newest !== null) {
    const adopted = await archived(newest, origin, size, archive, keys, steps);
    const row = { ...adopted, published_ms: now_ms };
    await archive.putCheckpoint(utf8(row.note));
    // If we crash here, the same checkpoint is found and adopted again.
    await steps.notePublished(row);
    return row;
  }
  if (published.size === 0) {
    await expectNoPointer(archive, keys, origin);
    return published;
  }
  await expectHistory(archive, published);
  await expectPointer(archive, keys, origin, published, halted === "checkpoint_replaced");
  return published;
}

/** The checkpoint that the archive has under a size of which we know none: ours, if it has our root. */
async function archived(
  size: number,
  origin: string,
  logSize: number,
  archive: LogArchive,
  keys: CellKeys,
  steps: WitnessSteps,
): Promise<Omit<CheckpointRow, "published_ms">> {
  const what = historyPath(size);
  const bytes = await archive.read(what);
  if (!bytes) throw new FaultFound("checkpoint_replaced", `${what} is listed and cannot be read`);
  const found = await keys.open(bytes, origin, what);
  if (found.size !== size) throw new FaultFound("checkpoint_replaced", `${what} is of size ${found.size}`);
  if (size > logSize) throw new FaultFound("database_rewound", `${what} is signed, the log has ${logSize} entries`);
  await expectRoot(found, what, steps);
  const envelope = await archive.read(envelopePath(size));
  if (!envelope) throw new FaultFound("checkpoint_replaced", `${envelopePath(size)} is missing`);
  const dsse = await keys.envelopeOver(envelope, found, envelopePath(size));
  return { size, root: encodeBase64(found.root), note: found.note, dsse, version: null };
}

async function expectRoot(found: ReadCheckpoint, what: string, steps: WitnessSteps): Promise<void> {
  const root = await steps.rootAt(found.size);
  if (!sameBytes(root, found.root))
    throw new FaultFound("forked", `${what} has root ${encodeBase64(found.root)}, the log ${encodeBase64(root)}`);
}

async function expectHistory(archive: LogArchive, { size, note, dsse, version }: CheckpointRow): Promise<void> {
  for (const [path, published] of [
    [historyPath(size), note],
    [envelopePath(size), dsse],
  ] as const) {
    const bytes = await archive.read(path);
    if (bytes && sameBytes(bytes, utf8(published))) continue;
    const wrong = bytes ? "is not what was published" : "is missing";
    throw new FaultFound("checkpoint_replaced", `${path} ${wrong}${await survives(archive, size, note, version)}`);
  }
}

/** Where the store keeps versions, the operator is told whether the one that was published is still there. */
async function survives(archive: LogArchive, size: number, note: string, version: string | null): Promise<string> {
  if (version === null) return "";
  const bytes = await archive.read(historyPath(size), version);
  return bytes && sameBytes(bytes, utf8(note)) ? `; version ${version} of the note is intact` : "";
}

/**
 * `checkpoint` is the one object that may be replaced, so that a difference is named, and after a minute's halt it is
 * written anew from the history, which is the witness.
 */
async function expectPointer(
  archive: LogArchive,
  keys: CellKeys,
  origin: string,
  published: CheckpointRow,
  repair: boolean,
): Promise<void> {
  const bytes = await archive.readCheckpoint();
  if (bytes && sameBytes(bytes, utf8(published.note))) return;
  if (repair) {
    await archive.putCheckpoint(utf8(published.note));
    return;
  }
  if (!bytes) throw new FaultFound("checkpoint_replaced", "the newest checkpoint is missing");
  const { size } = await keys.open(bytes, origin, CHECKPOINT_PATH);
  throw new FaultFound("checkpoint_replaced", `the newest checkpoint is of size ${size}, not ${published.size}`);
}

/** A log that published nothing has no pointer: one that is there tells of a history and a database that are gone. */
async function expectNoPointer(archive: LogArchive, keys: CellKeys, origin: string): Promise<void> {
  const bytes = await archive.readCheckpoint();
  if (!bytes) return;
  const { size } = await keys.open(bytes, origin, CHECKPOINT_PATH);
  throw new FaultFound("database_rewound", `a checkpoint of size ${size} is signed, the log has published none`);
}
