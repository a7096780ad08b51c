import {
  DeleteObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
} from "@aws-sdk/client-s3";
import type { ObjectCallOptions, ObjectLocked } from "../../../shared/contracts/ports/object-store.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import { lockedUntil, type S3Bucket } from "./s3-bucket.ts";
import { isAbsent, s3Error } from "./s3-faults.ts";

/** Removes one version, or the object with all versions and markers: what is deleted leaves no bytes behind. */
export function deleteObject(
  bucket: S3Bucket,
  key: string,
  call: (ObjectCallOptions & { version?: string }) | undefined,
): Promise<Result<null, ObjectLocked>> {
  return bucket.within(`delete ${key}`, call, async (signal) => {
    const versions =
      call?.version !== undefined
        ? [{ id: call.version, marker: false }]
        : bucket.versions === "none"
          ? [{ id: undefined, marker: false }]
          : await versionsOf(bucket, key, signal);
    for (const { id, marker } of versions) {
      const until = marker ? null : await lockOf(bucket, key, id, signal);
      if (until !== null && until > bucket.now()) return err({ reason: "locked", until_ms: until });
    }
    // Oldest first: if we stop half-way, the object is still what it was, not an older state of itself.
    for (const { id } of versions.reverse()) {
      try {
        await bucket.client.send(new DeleteObjectCommand({ ...bucket.of(key), ...bucket.version(id) }), {
          abortSignal: signal,
        });
      } catch (error) {
        if (isAbsent(error, id)) continue;
        // Locked since we looked, or by a clock that is behind ours.
        const until = s3Error(error)?.status === 403 ? await lockOf(bucket, key, id, signal) : null;
        if (until === null) throw error;
        return err({ reason: "locked", until_ms: until });
      }
    }
    return ok(null);
  });
}

async function lockOf(bucket: S3Bucket, key: string, id: string | undefined, signal: AbortSignal) {
  try {
    const command = new HeadObjectCommand({ ...bucket.of(key), ...bucket.version(id) });
    return lockedUntil(await bucket.client.send(command, { abortSignal: signal }));
  } catch (error) {
    if (isAbsent(error, id)) return null;
    throw error;
  }
}

/** All versions and delete markers of one key, the newest first. */
async function versionsOf(bucket: S3Bucket, key: string, signal: AbortSignal) {
  const found: { id: string | undefined; marker: boolean; latest: boolean; at: number }[] = [];
  let next: { KeyMarker?: string; VersionIdMarker?: string } = {};
  for (;;) {
    const command = new ListObjectVersionsCommand({ Bucket: bucket.name, Prefix: key, ...next });
    const page: ListObjectVersionsCommandOutput = await bucket.client.send(command, { abortSignal: signal });
    const entries = [
      ...(page.Versions ?? []).map((entry) => ({ entry, marker: false })),
      ...(page.DeleteMarkers ?? []).map((entry) => ({ entry, marker: true })),
    ];
    for (const { entry, marker } of entries)
      if (entry.Key === key)
        found.push({
          id: entry.VersionId,
          marker,
          latest: entry.IsLatest ?? false,
          at: entry.LastModified?.getTime() ?? 0,
        });
    // Keys come in order and this one is the first with its own prefix.
    if (!page.IsTruncated || page.NextKeyMarker !== key) break;
    next = {
      KeyMarker: page.NextKeyMarker,
      ...(page.NextVersionIdMarker !== undefined && { VersionIdMarker: page.NextVersionIdMarker }),
    };
  }
  // Sorting is stable, and each page has the newest first.
  return found.sort((a, b) => Number(b.latest) - Number(a.latest) || b.at - a.at);
}
