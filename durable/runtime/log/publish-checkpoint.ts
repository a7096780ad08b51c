import { LIMITS } from "../../../shared/contracts/limits.ts";
import { decodeBase64 } from "../../../shared/crypto/log/base64.ts";
import { entriesPath, newTiles, TILE_WIDTH, type Tile, tilePath } from "../../../shared/crypto/log/tiles.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import { envelopePath, FaultFound, historyPath, type LogArchive, NOTE_TYPE, sameBytes } from "./archive.ts";
import { bundleBytes, tileBytes } from "./nodes.ts";
import { othersFirst } from "./others-first.ts";
import { notePartials } from "./partials.ts";
import type { LogParts } from "./parts.ts";
import type { Step } from "./publish.ts";
import { CellKeys, type ReadCheckpoint } from "./read-checkpoint.ts";
import { sealedHead } from "./seal.ts";
import type { CheckpointRow } from "./state.ts";
import type { Turn } from "./turn.ts";

/** Tiles on their way at a time: workerd has six connections, and a bundle may be 16 MiB. */
const TILES_AT_ONCE = 2;

/** Writes every tile and bundle that a log grown from `from` to the turn's size has and had not. Throws `FaultFound`. */
export async function publishTiles(
  { target, now_ms }: Turn,
  from: number,
  step: Step,
  archive: LogArchive,
): Promise<void> {
  const tiles = newTiles(from, target);
  await step((sql) => notePartials(sql, tiles, now_ms + LIMITS.logPartialLockMs));
  for (let at = 0; at < tiles.length; at += TILES_AT_ONCE) {
    if (at > 0) await othersFirst();
    // All of them end before one's failure does: nothing is written behind the end of a turn.
    const puts = tiles.slice(at, at + TILES_AT_ONCE).map((tile) => publishTile(tile, now_ms, step, archive));
    for (const put of await Promise.allSettled(puts)) if (put.status === "rejected") throw put.reason;
  }
}

async function publishTile(tile: Tile, nowMs: number, step: Step, archive: LogArchive): Promise<void> {
  const full = tile.width === TILE_WIDTH;
  const lock = full ? archive.lockFull(nowMs) : archive.lockPartial(nowMs, LIMITS.logPartialLockMs);
  const put = async (path: string, bytes: Uint8Array) => {
    const { there } = await archive.putOnce(path, bytes, lock);
    if (there && !sameBytes(there, bytes))
      throw new FaultFound("tile_altered", `${path} was there with other bytes than this log's`);
  };
  // Bundles before tiles, so that whoever finds a hash finds its entry.
  if (tile.level === 0) await put(entriesPath(tile), await step((sql) => bundleBytes(sql, tile)));
  await put(tilePath(tile), await step((sql) => tileBytes(sql, tile)));
}

/**
 * Signs the sealed log and archives the proofs: envelope, history, then the pointer. What an earlier try left under the
 * same size is taken as it is, if it is ours over the same checkpoint. Throws `FaultFound`.
 */
export async function publishCheckpoint(
  { origin, target, now_ms }: Turn,
  step: Step,
  archive: LogArchive,
  parts: LogParts,
): Promise<Omit<CheckpointRow, "published_ms">> {
  const { size, root } = await step(sealedHead);
  if (size !== target) throw new Error("the log was sealed past its turn");
  const signed = await parts.signer.signCheckpoint({ origin, size, root });
  const keys = new CellKeys(parts.signer);
  const ours = await signedOver(signed, { origin, size, root }, keys);

  const lock = archive.lockFull(now_ms);
  const envelope = await archive.putOnce(envelopePath(size), utf8(signed.dsse), lock, "application/json");
  const dsse = envelope.there ? await keys.envelopeOver(envelope.there, ours, envelopePath(size)) : signed.dsse;
  const history = await archive.putOnce(historyPath(size), utf8(signed.note), lock, NOTE_TYPE);
  const { note } = history.there ? await sameCheckpoint(history.there, ours.text, origin, keys, size) : ours;
  await archive.putCheckpoint(utf8(note));
  return { size, root, note, dsse, version: history.version };
}

/** What the signer answered must be what was asked: anything else is its failure, not the archive's, and halts nothing. */
async function signedOver(
  { note, dsse }: { note: string; dsse: string },
  asked: { origin: string; size: number; root: string },
  keys: CellKeys,
): Promise<ReadCheckpoint> {
  const root = decodeBase64(asked.root);
  try {
    const opened = await keys.open(utf8(note), asked.origin, "the signer's note");
    await keys.envelopeOver(utf8(dsse), opened, "the signer's envelope");
    if (root && opened.size === asked.size && sameBytes(opened.root, root)) return opened;
  } catch (cause) {
    if (!(cause instanceof FaultFound)) throw cause;
    throw new Error("what the signer signed does not verify under its own keys", { cause });
  }
  throw new Error("the signer signed another checkpoint than it was asked for");
}

async function sameCheckpoint(
  there: Uint8Array,
  text: string,
  origin: string,
  keys: CellKeys,
  size: number,
): Promise<{ note: string }> {
  const what = historyPath(size);
  const found = await keys.open(there, origin, what);
  if (found.text !== text) throw new FaultFound("forked", `${what} is over another checkpoint`);
  return found;
}
