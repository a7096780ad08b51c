import type { R2Bucket, R2Conditional, R2MultipartUpload, R2Object, R2UploadedPart } from "@cloudflare/workers-types";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import {
  type ObjectCallOptions,
  type ObjectExists,
  type ObjectIdentity,
  type ObjectPutCondition,
  type ObjectPutOptions,
  type ObjectState,
  ObjectStoreRefused,
  ObjectStoreUnavailable,
} from "../../../shared/contracts/ports/object-store.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import { piecesOf } from "./pieces.ts";
import { isLockedByBucket, isUploadGone } from "./r2-faults.ts";

/** The bucket and how one call on it is bounded; errors of `within` are the port's. */
export interface R2Access {
  bucket: R2Bucket;
  now(): number;
  within<T>(
    what: string,
    call: ObjectCallOptions | undefined,
    work: () => Promise<T>,
    late?: (value: T) => unknown,
  ): Promise<T>;
}

/** Where a lock is noted: R2 has none of a single object's own. */
const LOCK_NOTE = "locked-until-ms";

export function lockedUntil(object: R2Object): number | null {
  const noted = object.customMetadata?.[LOCK_NOTE];
  return noted !== undefined && /^\d{1,15}$/.test(noted) ? Number(noted) : null;
}

export const identityOf = (object: R2Object): ObjectIdentity => ({ version: object.version, etag: object.etag });

const attributes = (options: ObjectPutOptions | undefined) => ({
  ...(options?.content_type !== undefined && { httpMetadata: { contentType: options.content_type } }),
  ...(options?.lock && { customMetadata: { [LOCK_NOTE]: String(options.lock.until_ms) } }),
});

function conditionOf(options: ObjectPutCondition | undefined): R2Conditional | null {
  if (options?.if_absent) return { etagDoesNotMatch: "*" };
  return options?.if_match === undefined ? null : { etagMatches: options.if_match };
}

/** R2 keeps one version: what is locked is not replaced. */
async function wouldLose({ bucket, now }: R2Access, key: string): Promise<boolean> {
  const there = await bucket.head(key);
  return there !== null && (lockedUntil(there) ?? 0) > now();
}

export function putObject(
  access: R2Access,
  key: string,
  bytes: Uint8Array,
  options: (ObjectPutOptions & ObjectPutCondition) | undefined,
): Promise<Result<ObjectIdentity, ObjectExists>> {
  return access.within(`put ${key}`, options, async () => {
    const ifAbsent = options?.if_absent ?? false;
    if (!ifAbsent && (await wouldLose(access, key))) return err({ reason: "exists" });
    try {
      const onlyIf = conditionOf(options);
      const put = onlyIf
        ? await access.bucket.put(key, bytes, { ...attributes(options), onlyIf })
        : await access.bucket.put(key, bytes, attributes(options));
      return put === null ? err({ reason: "exists" }) : ok(identityOf(put));
    } catch (error) {
      if (isLockedByBucket(error)) return err({ reason: "exists" });
      throw error;
    }
  });
}

/** A stream as one object: at once if it fits into a part, else part by part; R2 wants all parts but the last alike. */
export async function putObjectStream(
  access: R2Access,
  key: string,
  source: AsyncIterable<Uint8Array>,
  options: ObjectPutOptions | undefined,
): Promise<Result<ObjectState, ObjectExists>> {
  const what = `put ${key}`;
  const parts: R2UploadedPart[] = [];
  let upload: R2MultipartUpload | null = null;
  let size = 0;
  try {
    for await (const { bytes, last } of piecesOf(source, LIMITS.objectPartBytes)) {
      if (last && upload === null) {
        const put = await putObject(access, key, bytes, options);
        return put.ok ? ok({ ...put.value, size: bytes.length }) : put;
      }
      upload ??= await begin(access, key, options);
      if (upload === null) return err({ reason: "exists" });
      const open: R2MultipartUpload = upload;
      size += bytes.length;
      parts.push(await access.within(what, options, () => open.uploadPart(parts.length + 1, bytes)));
      if (!last) continue;
      const whole = await complete(access, what, open, parts, options);
      if (whole === null) {
        await abort(access, what, open, options, new Error("the bucket's lock refused the object"));
        return err({ reason: "exists" });
      }
      return ok({ ...identityOf(whole), size });
    }
    throw new Error("a stream of pieces has a last one");
  } catch (error) {
    if (upload !== null) await abort(access, what, upload, options, error);
    throw error;
  }
}

function begin(access: R2Access, key: string, options: ObjectPutOptions | undefined) {
  return access.within(
    `put ${key}`,
    options,
    async () =>
      (await wouldLose(access, key)) ? null : await access.bucket.createMultipartUpload(key, attributes(options)),
    (late) => late?.abort(),
  );
}

/** Null if a lock rule of the bucket protects what is there. */
function complete(
  access: R2Access,
  what: string,
  upload: R2MultipartUpload,
  parts: R2UploadedPart[],
  call: ObjectCallOptions | undefined,
): Promise<R2Object | null> {
  return access.within(what, call, async () => {
    try {
      return await upload.complete(parts);
    } catch (error) {
      if (isLockedByBucket(error)) return null;
      throw error;
    }
  });
}

/** @throws ObjectStoreUnavailable with both causes if parts may be left; R2 itself removes them after 7 days. */
async function abort(
  access: R2Access,
  what: string,
  upload: R2MultipartUpload,
  call: ObjectCallOptions | undefined,
  because: unknown,
): Promise<void> {
  try {
    await access.within(what, call, () => upload.abort());
  } catch (error) {
    // Completed after all, or removed by R2 itself.
    if (error instanceof ObjectStoreRefused && isUploadGone(error.cause)) return;
    const cause = new AggregateError([because, error]);
    throw new ObjectStoreUnavailable(`${what}: failed, and so did removing its parts`, { cause });
  }
}
