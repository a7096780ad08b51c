import type { R2Bucket, R2ObjectBody } from "@cloudflare/workers-types";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import {
  type ObjectCallOptions,
  type ObjectGetOptions,
  type ObjectState,
  type ObjectStore,
  ObjectStoreRefused,
  objectKey,
  objectPrefix,
} from "../../../shared/contracts/ports/object-store.ts";
import { err, ok } from "../../../shared/contracts/result.ts";
import { collect, emptyBody, guardedBody } from "./body.ts";
import { bytesToRead, checkGet, checkLimit, checkPut, checkRange } from "./bounds.ts";
import { withDeadline } from "./deadline.ts";
import { isLockedByBucket, r2Fault } from "./r2-faults.ts";
import { identityOf, lockedUntil, putObject, putObjectStream, type R2Access } from "./r2-put.ts";

type Body = ReadableStream<Uint8Array<ArrayBuffer>>;

export interface R2ObjectStoreOptions {
  bucket: R2Bucket;
  jurisdiction: string;
  /** The bucket has lock rules over everything that is written with `lock`; nothing in a binding can ask for them. */
  locked?: boolean;
  clock: Clock;
  timeoutMs?: number;
}

/**
 * Objects in an R2 bucket through its binding. R2 keeps one version: what is locked is not replaced, and other versions
 * are `not_found`. A lock is a note of ours in the object; with `locked`, rules of the bucket enforce it besides.
 * Removing one version looks before it removes: a write in between is removed in its place.
 */
export function r2ObjectStore({ bucket, clock, ...options }: R2ObjectStoreOptions): ObjectStore {
  const timeoutOf = (call: ObjectCallOptions | undefined) =>
    call?.timeout_ms ?? options.timeoutMs ?? LIMITS.objectCallMs;
  const access: R2Access = {
    bucket,
    now: () => clock.now(),
    async within(what, call, work, late) {
      try {
        return await withDeadline(what, timeoutOf(call), work, late);
      } catch (cause) {
        throw r2Fault(what, cause);
      }
    },
  };

  async function stateAndBody(key: string, range: ObjectGetOptions["range"]) {
    try {
      const found = await bucket.get(key, range === undefined ? {} : { range });
      return found && { ...identityOf(found), size: found.size, body: bodyOf(found) };
    } catch (error) {
      // A range past the end is an error of R2's, with more than one code: the object's size tells.
      if (range === undefined) throw error;
      const found = await bucket.head(key);
      if (found !== null && range.offset < found.size) throw error;
      return found && { ...identityOf(found), size: found.size, body: emptyBody() };
    }
  }

  function open(key: string, call: ObjectGetOptions | undefined): Promise<(ObjectState & { body: Body }) | null> {
    objectKey(key);
    checkRange(call?.range);
    return access.within(
      `get ${key}`,
      call,
      async () => {
        const found = await stateAndBody(key, call?.range);
        if (found === null || call?.version === undefined || found.version === call.version) return found;
        await found.body.cancel();
        return null;
      },
      (late) => late?.body.cancel(),
    );
  }

  const guarded = (key: string, found: ObjectState & { body: Body }, call: ObjectGetOptions | undefined) =>
    guardedBody(`get ${key}`, found.body, bytesToRead(found.size, call?.range), timeoutOf(call));

  return {
    placement: {
      technology: "r2",
      jurisdiction: options.jurisdiction,
      worm: options.locked === true ? "bucket-lock" : "not WORM",
    },

    check: (call) =>
      access.within("bucket", call, async () => {
        await bucket.head("check");
        return ok(null);
      }),

    async put(key, bytes, call) {
      objectKey(key);
      checkPut(bytes);
      return putObject(access, key, bytes, call);
    },

    async putStream(key, source, call) {
      objectKey(key);
      return putObjectStream(access, key, source, call);
    },

    async get(key, call) {
      const found = await open(key, call);
      if (found === null) return err({ reason: "not_found" });
      const length = bytesToRead(found.size, call?.range);
      const { body: _body, ...state } = found;
      const body = guarded(key, found, call);
      try {
        checkGet(length);
      } catch (error) {
        await body.cancel();
        throw error;
      }
      return ok({ ...state, bytes: await access.within(`get ${key}`, call, () => collect(body, length)) });
    },

    async getStream(key, call) {
      const found = await open(key, call);
      if (found === null) return err({ reason: "not_found" });
      return ok({ ...found, body: guarded(key, found, call) });
    },

    async head(key, call) {
      objectKey(key);
      const found = await access.within(`head ${key}`, call, () => bucket.head(key));
      if (found === null || (call?.version !== undefined && found.version !== call.version))
        return err({ reason: "not_found" });
      return ok({
        ...identityOf(found),
        size: found.size,
        locked_until_ms: lockedUntil(found),
        modified_ms: found.uploaded.getTime(),
      });
    },

    async list(prefix, call) {
      objectPrefix(prefix);
      const asked = {
        prefix,
        limit: checkLimit(call.limit),
        ...(call.after !== undefined && { startAfter: call.after }),
      };
      const page = await access.within(`list ${prefix}`, call, () => bucket.list(asked));
      return { keys: page.objects.map(({ key }) => key), more: page.truncated };
    },

    async delete(key, call) {
      objectKey(key);
      return access.within(`delete ${key}`, call, async () => {
        const found = await bucket.head(key);
        if (found === null || (call?.version !== undefined && found.version !== call.version)) return ok(null);
        const until = lockedUntil(found);
        if (until !== null && until > access.now()) return err({ reason: "locked", until_ms: until });
        try {
          await bucket.delete(key);
        } catch (cause) {
          if (isLockedByBucket(cause))
            throw new ObjectStoreRefused(`delete ${key}: a rule of the bucket keeps it longer than its lock`, {
              cause,
            });
          throw cause;
        }
        return ok(null);
      });
    },
  };
}

// safe because: workerd's streams are the platform's, and R2's are of bytes
const bodyOf = (object: R2ObjectBody): Body => object.body as unknown as Body;
