import type { S3Client, ServerSideEncryption } from "@aws-sdk/client-s3";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import type { ObjectCallOptions, ObjectLock, ObjectPutOptions } from "../../../shared/contracts/ports/object-store.ts";
import { withDeadline } from "./deadline.ts";
import { type S3Connection, s3Client } from "./s3-client.ts";
import { s3Fault } from "./s3-faults.ts";

export interface S3ObjectStoreOptions extends S3Connection {
  bucket: string;
  jurisdiction: string;
  /** `locked`: Object Lock is on, so versions are too. `kept`: versions without lock. `none`: neither. */
  versions: "locked" | "kept" | "none";
  /** Encrypts under this KMS key instead of the bucket's default. */
  kmsKey?: string;
  clock: Clock;
  timeoutMs?: number;
}

/** Where a lock is noted in buckets without Object Lock: it binds this port only. */
const LOCK_NOTE = "locked-until-ms";
const READ_ATTEMPTS = 3;

/** One bucket and how its commands are sent. */
export class S3Bucket {
  readonly name: string;
  readonly versions: S3ObjectStoreOptions["versions"];
  readonly #options: S3ObjectStoreOptions;
  /** Tries again by itself. */
  readonly client: S3Client;
  /** For what must not be tried again unseen: a repeated conditional write would find its own first try. */
  readonly once: S3Client;

  constructor(options: S3ObjectStoreOptions) {
    this.#options = options;
    this.name = options.bucket;
    this.versions = options.versions;
    this.client = s3Client(options, READ_ATTEMPTS);
    this.once = s3Client(options, 1);
  }

  now(): number {
    return this.#options.clock.now();
  }

  timeoutOf(call: ObjectCallOptions | undefined): number {
    return call?.timeout_ms ?? this.#options.timeoutMs ?? LIMITS.objectCallMs;
  }

  /** Runs one call within its time; its errors are the port's. */
  async within<T>(
    what: string,
    call: ObjectCallOptions | undefined,
    work: (signal: AbortSignal) => Promise<T>,
    late?: (value: T) => unknown,
  ): Promise<T> {
    try {
      return await withDeadline(what, this.timeoutOf(call), work, late);
    } catch (cause) {
      throw s3Fault(what, cause);
    }
  }

  of(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.name, Key: key };
  }

  version(version: string | undefined): { VersionId?: string } {
    return version === undefined ? {} : { VersionId: version };
  }

  /** What a new object carries, however it is written. */
  attributes(options: ObjectPutOptions | undefined) {
    const { kmsKey } = this.#options;
    const sse: ServerSideEncryption = "aws:kms";
    return {
      ...(options?.content_type !== undefined && { ContentType: options.content_type }),
      ...(kmsKey !== undefined && { ServerSideEncryption: sse, SSEKMSKeyId: kmsKey }),
      ...this.#lock(options?.lock ?? null),
    };
  }

  #lock(lock: ObjectLock | null) {
    if (lock === null) return {};
    if (this.versions !== "locked") return { Metadata: { [LOCK_NOTE]: String(lock.until_ms) } };
    return { ObjectLockMode: "COMPLIANCE" as const, ObjectLockRetainUntilDate: wholeSeconds(lock.until_ms) };
  }
}

/** S3 keeps whole seconds: a lock never ends before it was meant to. */
export const wholeSeconds = (ms: number): Date => new Date(Math.ceil(ms / 1_000) * 1_000);

/** When the lock of an answer's version ends, or null. */
export function lockedUntil(head: {
  ObjectLockRetainUntilDate?: Date | undefined;
  Metadata?: Record<string, string> | undefined;
}): number | null {
  const noted = Number(head.Metadata?.[LOCK_NOTE]);
  const until = Math.max(head.ObjectLockRetainUntilDate?.getTime() ?? -1, Number.isSafeInteger(noted) ? noted : -1);
  return until < 0 ? null : until;
}

/** Version and etag of an answer; a bucket without versions calls its only one "null". */
export function identityOf(answer: { VersionId?: string | undefined; ETag?: string | undefined }) {
  const version = answer.VersionId === undefined || answer.VersionId === "null" ? null : answer.VersionId;
  return { version, etag: (answer.ETag ?? "").replace(/^"|"$/g, "") };
}
