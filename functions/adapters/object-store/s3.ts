import {
  GetBucketVersioningCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  GetObjectLockConfigurationCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
} from "@aws-sdk/client-s3";
import {
  type ObjectGetOptions,
  type ObjectState,
  type ObjectStore,
  ObjectStoreUnavailable,
  objectKey,
  objectPrefix,
} from "../../../shared/contracts/ports/object-store.ts";
import { err, ok } from "../../../shared/contracts/result.ts";
import { collect, emptyBody, guardedBody } from "./body.ts";
import { bytesToRead, checkGet, checkLimit, checkPut, checkRange } from "./bounds.ts";
import { identityOf, lockedUntil, S3Bucket, type S3ObjectStoreOptions } from "./s3-bucket.ts";
import { deleteObject } from "./s3-delete.ts";
import { isAbsent, s3Error } from "./s3-faults.ts";
import { putObject, putObjectStream } from "./s3-put.ts";

type Body = ReadableStream<Uint8Array<ArrayBuffer>>;

/**
 * Objects in an S3 bucket, over `Egress` as operator calls. With Object Lock, `lock` is a COMPLIANCE retention that S3
 * itself enforces. Deleting needs `s3:ListBucketVersions` and `s3:DeleteObjectVersion`; the bucket needs
 * a rule that removes incomplete uploads, and one that expires replaced versions.
 */
export function s3ObjectStore(options: S3ObjectStoreOptions): ObjectStore {
  const bucket = new S3Bucket(options);

  async function read(key: string, call: ObjectGetOptions | undefined, signal: AbortSignal) {
    const range = call?.range && `bytes=${call.range.offset}-${call.range.offset + call.range.length - 1}`;
    const command = new GetObjectCommand({
      ...bucket.of(key),
      ...bucket.version(call?.version),
      ...(range !== undefined && { Range: range }),
    });
    try {
      return stateOf(key, await bucket.client.send(command, { abortSignal: signal }));
    } catch (error) {
      if (isAbsent(error, call?.version)) return null;
      // A range past the end: the object is there, and none of its bytes are asked for.
      if (range === undefined || s3Error(error)?.status !== 416) throw error;
      const state = await stateOfHead(key, call?.version, signal);
      return state && { ...state, body: emptyBody() };
    }
  }

  async function head(key: string, version: string | undefined, signal: AbortSignal) {
    try {
      const command = new HeadObjectCommand({ ...bucket.of(key), ...bucket.version(version) });
      return await bucket.client.send(command, { abortSignal: signal });
    } catch (error) {
      if (isAbsent(error, version)) return null;
      throw error;
    }
  }

  async function stateOfHead(key: string, version: string | undefined, signal: AbortSignal) {
    const found = await head(key, version, signal);
    return found && { ...identityOf(found), size: found.ContentLength ?? 0 };
  }

  function open(key: string, call: ObjectGetOptions | undefined) {
    objectKey(key);
    checkRange(call?.range);
    return bucket.within(
      `get ${key}`,
      call,
      (signal) => read(key, call, signal),
      (late) => late?.body.cancel(),
    );
  }

  const guarded = (key: string, found: ObjectState & { body: Body }, call: ObjectGetOptions | undefined) =>
    guardedBody(`get ${key}`, found.body, bytesToRead(found.size, call?.range), bucket.timeoutOf(call));

  return {
    placement: {
      technology: "s3",
      jurisdiction: options.jurisdiction,
      worm: options.versions === "locked" ? "object-lock" : "not WORM",
    },

    check(call) {
      return bucket.within(`bucket ${bucket.name}`, call, async (signal) => {
        const misplaced = (detail: string) => err({ reason: "misplaced" as const, detail });
        const Bucket = bucket.name;
        const { BucketRegion } = await bucket.client.send(new HeadBucketCommand({ Bucket }), { abortSignal: signal });
        if (BucketRegion !== undefined && BucketRegion !== options.region)
          return misplaced(`the bucket is in ${BucketRegion}, not in ${options.region}`);
        const versioning = await bucket.client.send(new GetBucketVersioningCommand({ Bucket }), {
          abortSignal: signal,
        });
        if (bucket.versions === "none")
          return versioning.Status === undefined ? ok(null) : misplaced("the bucket keeps versions");
        if (versioning.Status !== "Enabled") return misplaced("the bucket keeps no versions");
        if (bucket.versions === "kept" || (await hasObjectLock(signal))) return ok(null);
        return misplaced("the bucket has no Object Lock");
      });
    },

    async put(key, bytes, call) {
      objectKey(key);
      checkPut(bytes);
      return putObject(bucket, key, bytes, call);
    },

    async putStream(key, source, call) {
      objectKey(key);
      return putObjectStream(bucket, key, source, call);
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
      return ok({ ...state, bytes: await bucket.within(`get ${key}`, call, () => collect(body, length)) });
    },

    async getStream(key, call) {
      const found = await open(key, call);
      if (found === null) return err({ reason: "not_found" });
      return ok({ ...found, body: guarded(key, found, call) });
    },

    async head(key, call) {
      objectKey(key);
      return bucket.within(`head ${key}`, call, async (signal) => {
        const found = await head(key, call?.version, signal);
        if (found === null) return err({ reason: "not_found" });
        return ok({
          ...identityOf(found),
          size: found.ContentLength ?? 0,
          locked_until_ms: lockedUntil(found),
          modified_ms: found.LastModified?.getTime() ?? 0,
        });
      });
    },

    async list(prefix, call) {
      objectPrefix(prefix);
      const command = new ListObjectsV2Command({
        Bucket: bucket.name,
        Prefix: prefix,
        MaxKeys: checkLimit(call.limit),
        ...(call.after !== undefined && { StartAfter: call.after }),
      });
      const page = await bucket.within(`list ${prefix}`, call, (abortSignal) =>
        bucket.client.send(command, { abortSignal }),
      );
      return {
        keys: (page.Contents ?? []).flatMap(({ Key }) => (Key === undefined ? [] : [Key])),
        more: page.IsTruncated ?? false,
      };
    },

    async delete(key, call) {
      objectKey(key);
      return deleteObject(bucket, key, call);
    },
  };

  async function hasObjectLock(signal: AbortSignal): Promise<boolean> {
    try {
      const command = new GetObjectLockConfigurationCommand({ Bucket: bucket.name });
      const { ObjectLockConfiguration } = await bucket.client.send(command, { abortSignal: signal });
      return ObjectLockConfiguration?.ObjectLockEnabled === "Enabled";
    } catch (error) {
      if (s3Error(error)?.code === "ObjectLockConfigurationNotFoundError") return false;
      throw error;
    }
  }
}

/** The whole object's size is in the range that was answered, if one was asked for. */
function stateOf(key: string, output: GetObjectCommandOutput): ObjectState & { body: Body } {
  const total = /\/(\d+)$/.exec(output.ContentRange ?? "")?.[1];
  const size = total === undefined ? output.ContentLength : Number(total);
  if (size === undefined || output.Body === undefined)
    throw new ObjectStoreUnavailable(`get ${key}: an answer without size or body`);
  // safe because: the SDK's streams are of bytes, and ours come from fetch, whose buffers are not shared
  return { ...identityOf(output), size, body: output.Body.transformToWebStream() as Body };
}
