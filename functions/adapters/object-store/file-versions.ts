import { randomUUID } from "node:crypto";
import { link, rename, rm, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import type {
  ObjectExists,
  ObjectLock,
  ObjectLocked,
  ObjectState,
} from "../../../shared/contracts/ports/object-store.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import { keptFolder, objectFile, partialFolder } from "./file-layout.ts";
import { keptOf, newestOf, type StoredFile } from "./file-read.ts";
import { isLocked } from "./file-record.ts";
import { makeFolder, type PartialFile, pruneFolders, syncFolder, syncNearest } from "./file-write.ts";

export interface WriteOptions {
  nowMs: number;
  lock: ObjectLock | null;
  ifAbsent: boolean;
  ifMatch: string | null;
}

/**
 * Makes a written file the newest version of its key. A locked predecessor is kept beside it; the same bytes stored again
 * keep the longer lock. Callers run one at a time per key.
 */
export async function storeVersion(
  root: string,
  key: string,
  file: PartialFile,
  { nowMs, lock, ifAbsent, ifMatch }: WriteOptions,
): Promise<Result<ObjectState, ObjectExists>> {
  const newest = await newestOf(root, key);
  if (ifAbsent && newest !== null) return err({ reason: "exists" });
  if (ifMatch !== null && newest?.record.sha256 !== ifMatch) return err({ reason: "exists" });
  const sha256 = file.digest();
  // Nothing is kept of an object that is not there: most keys are written once, and their folder is not looked for.
  const versions = newest === null ? [] : [newest, ...(await keptOf(root, key))];
  const same = versions.filter(({ record }) => record.sha256 === sha256);
  const lockedUntil = Math.max(lock?.until_ms ?? -1, ...same.map(({ record }) => record.locked_until_ms ?? -1));
  await file.finish({
    sha256,
    size: file.size,
    stored_ms: nowMs,
    locked_until_ms: lockedUntil < 0 ? null : lockedUntil,
  });
  // If we crash after this, the kept version is there twice, under its digest and as the newest: both are whole.
  if (newest !== null && newest.record.sha256 !== sha256 && isLocked(newest.record, nowMs))
    await keep(root, key, newest);
  if (!(await file.place(root, objectFile(root, key), ifAbsent))) return err({ reason: "exists" });
  return ok({ version: sha256, etag: sha256, size: file.size });
}

async function keep(root: string, key: string, version: StoredFile): Promise<void> {
  const changed = await makeFolder(root, keptFolder(root, key));
  const second = join(partialFolder(root), randomUUID());
  await link(version.path, second);
  // Kept before under a shorter lock, it is replaced. Two names of one file stay as they are, so the second is removed.
  await rename(second, join(keptFolder(root, key), version.record.sha256));
  await rm(second, { force: true });
  for (const folder of changed) await syncFolder(folder);
}

/** Removes one version, or all; nothing if one of them is locked. Callers run one at a time per key. */
export async function removeVersions(
  root: string,
  key: string,
  nowMs: number,
  version: string | undefined,
): Promise<Result<null, ObjectLocked>> {
  const newest = await newestOf(root, key);
  const kept = await keptOf(root, key);
  const wanted = (file: StoredFile) => version === undefined || file.record.sha256 === version;
  // The newest goes last: a crash before it leaves the object, never an older state of it.
  const going = [...kept, ...(newest ? [newest] : [])].filter(wanted);
  const locks = going.filter(({ record }) => isLocked(record, nowMs)).map(({ record }) => record.locked_until_ms ?? 0);
  if (locks.length > 0) return err({ reason: "locked", until_ms: Math.max(...locks) });
  if (going.length === 0) return ok(null);

  const left = kept.filter((file) => !wanted(file)).sort((a, b) => b.record.stored_ms - a.record.stored_ms);
  const [uncovered] = left;
  // In one step: a crash leaves one of the two as the newest, never an object that is gone with older states beside it.
  for (const file of going)
    if (file === newest && uncovered) await rename(uncovered.path, newest.path);
    else await unlink(file.path);
  const folder = dirname(objectFile(root, key));
  if (kept.length > 0) await syncFolder(keptFolder(root, key));
  // Others may have removed the last object beside this one, and the folder with it.
  await syncNearest(root, folder);
  await pruneFolders(root, kept.length > 0 ? keptFolder(root, key) : folder);
  return ok(null);
}
