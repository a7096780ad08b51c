import { randomUUID } from "node:crypto";
import { mkdir, realpath, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import {
  type ObjectCallOptions,
  type ObjectPutCondition,
  type ObjectPutOptions,
  type ObjectStore,
  ObjectStoreUnavailable,
  objectKey,
  objectPrefix,
} from "../../../shared/contracts/ports/object-store.ts";
import { err, ok } from "../../../shared/contracts/result.ts";
import { collect } from "./body.ts";
import { bytesToRead, checkGet, checkLimit, checkPut, checkRange, checkStreamed } from "./bounds.ts";
import { withDeadline } from "./deadline.ts";
import { fileFault } from "./file-faults.ts";
import { isMissing, partialFolder, walkKeys } from "./file-layout.ts";
import { fileBody, type OpenFile, openObject } from "./file-read.ts";
import { removeVersions, storeVersion } from "./file-versions.ts";
import { PartialFile } from "./file-write.ts";
import { keyQueues } from "./key-queues.ts";
import { slots } from "./slots.ts";

export interface FileSystemObjectStoreOptions {
  /** A folder of its own, made if absent. One process at a time. */
  root: string;
  jurisdiction: string;
  clock: Clock;
  timeoutMs?: number;
}

/**
 * Objects as files. Versions are SHA-256 digests; a replaced version is kept while it is locked when that happens. Locks
 * bind this port only: whoever may write the folder may remove them, so it is `not WORM`. Content types are not kept.
 * Removes what an earlier process left half-written.
 */
export async function fileSystemObjectStore(options: FileSystemObjectStoreOptions): Promise<ObjectStore> {
  await mkdir(options.root, { recursive: true, mode: 0o700 });
  const root = await realpath(options.root);
  await rm(partialFolder(root), { recursive: true, force: true });
  await mkdir(partialFolder(root), { mode: 0o700 });

  const now = () => options.clock.now();
  const timeoutOf = (call?: ObjectCallOptions) => call?.timeout_ms ?? options.timeoutMs ?? LIMITS.objectCallMs;
  const inTurn = keyQueues();
  const inSlot = slots(LIMITS.fileCallsAtOnceMax);

  /** The deadline is the caller's, so waiting counts; what it has given up is not begun any more, unless it is `owed`. */
  async function within<T>(
    what: string,
    call: ObjectCallOptions | undefined,
    work: () => Promise<T>,
    { late, owed = false }: { late?: (value: T) => unknown; owed?: boolean } = {},
  ) {
    try {
      const begin = (given: AbortSignal) => inSlot(work, owed ? undefined : given);
      return await withDeadline(what, timeoutOf(call), begin, late);
    } catch (cause) {
      throw fileFault(what, cause);
    }
  }

  /** An empty store and one whose disk is not mounted are not the same. (Deno's `access` would need `--allow-sys`.) */
  async function stillThere(): Promise<void> {
    try {
      await stat(partialFolder(root));
    } catch (cause) {
      throw isMissing(cause) ? new ObjectStoreUnavailable("the folder of objects is gone", { cause }) : cause;
    }
  }

  async function find(key: string, version: string | undefined): Promise<OpenFile | null> {
    const file = await openObject(root, key, version);
    if (file === null) await stillThere();
    return file;
  }

  function store(key: string, file: PartialFile, call: (ObjectPutOptions & ObjectPutCondition) | undefined) {
    const condition = { ifAbsent: call?.if_absent ?? false, ifMatch: call?.if_match ?? null };
    return inTurn(key, () => storeVersion(root, key, file, { nowMs: now(), lock: call?.lock ?? null, ...condition }));
  }

  const fileSystem: ObjectStore = {
    placement: { technology: "file-system", jurisdiction: options.jurisdiction, worm: "not WORM" },

    async check(call) {
      return within("the folder of objects", call, async () => {
        const probe = `probe-${randomUUID()}`;
        const path = join(partialFolder(root), probe);
        await writeFile(path, probe);
        const folded = await stat(join(partialFolder(root), probe.toUpperCase())).then(
          () => true,
          (error) => {
            if (isMissing(error)) return false;
            throw error;
          },
        );
        await rm(path);
        if (!folded) return ok(null);
        return err({ reason: "misplaced", detail: "the file system does not tell A from a, so keys would collide" });
      });
    },

    async put(key, bytes, call) {
      objectKey(key);
      checkPut(bytes);
      return within(`put ${key}`, call, async () => {
        const file = await PartialFile.create(root);
        try {
          await file.append(bytes);
          const stored = await store(key, file, call);
          return stored.ok ? ok({ version: stored.value.version, etag: stored.value.etag }) : stored;
        } finally {
          await file.release();
        }
      });
    },

    async putStream(key, source, call) {
      objectKey(key);
      const what = `put ${key}`;
      const file = await within(what, call, () => PartialFile.create(root), { late: (made) => made.release() });
      try {
        for await (const chunk of source) {
          checkStreamed(file.size + chunk.length);
          await within(what, call, () => file.append(chunk));
        }
        return await within(what, call, () => store(key, file, call));
      } finally {
        // However late: nobody else lets go of it.
        await within(what, call, () => file.release(), { owed: true });
      }
    },

    async get(key, call) {
      objectKey(key);
      checkRange(call?.range);
      const what = `get ${key}`;
      return within(what, call, async () => {
        const file = await find(key, call?.version);
        if (file === null) return err({ reason: "not_found" });
        const length = bytesToRead(file.record.size, call?.range);
        const body = fileBody(what, file, call?.range, timeoutOf(call));
        try {
          checkGet(length);
        } catch (error) {
          await body.cancel();
          throw error;
        }
        return ok({ ...stateOf(file), bytes: await collect(body, length) });
      });
    },

    async getStream(key, call) {
      objectKey(key);
      checkRange(call?.range);
      const what = `get ${key}`;
      const file = await within(what, call, () => find(key, call?.version), { late: (found) => found?.handle.close() });
      if (file === null) return err({ reason: "not_found" });
      return ok({ ...stateOf(file), body: fileBody(what, file, call?.range, timeoutOf(call)) });
    },

    async head(key, call) {
      objectKey(key);
      return within(`head ${key}`, call, async () => {
        const file = await find(key, call?.version);
        if (file === null) return err({ reason: "not_found" });
        await file.handle.close();
        const { locked_until_ms, stored_ms } = file.record;
        return ok({ ...stateOf(file), locked_until_ms, modified_ms: stored_ms });
      });
    },

    async list(prefix, call) {
      objectPrefix(prefix);
      const limit = checkLimit(call.limit);
      return within(`list ${prefix}`, call, async () => {
        const keys: string[] = [];
        for await (const key of walkKeys(root, prefix, call.after ?? "")) {
          if (keys.length === limit) return { keys, more: true };
          keys.push(key);
        }
        if (keys.length === 0) await stillThere();
        return { keys, more: false };
      });
    },

    async delete(key, call) {
      objectKey(key);
      return within(`delete ${key}`, call, async () => {
        const removed = await inTurn(key, () => removeVersions(root, key, now(), call?.version));
        if (removed.ok) await stillThere();
        return removed;
      });
    },
  };
  return fileSystem;
}

const stateOf = ({ record }: OpenFile) => ({ version: record.sha256, etag: record.sha256, size: record.size });
