import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  PutObjectCommand,
  PutObjectRetentionCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import {
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
import { identityOf, lockedUntil, type S3Bucket, wholeSeconds } from "./s3-bucket.ts";
import { isAbsent, s3Error } from "./s3-faults.ts";

/** CRC-32 of every body; S3 compares it and keeps it beside the object. Object Lock demands one. */
const ChecksumAlgorithm = "CRC32";
/** Writes that meet are told to try again; each try that loses means that another has won meanwhile. */
const CONFLICT_TRIES_MAX = 5;

/** True while what is there is locked and the bucket would lose it. */
async function wouldLose(bucket: S3Bucket, key: string, signal: AbortSignal): Promise<boolean> {
  if (bucket.versions !== "none") return false;
  try {
    const head = await bucket.client.send(new HeadObjectCommand(bucket.of(key)), { abortSignal: signal });
    return (lockedUntil(head) ?? 0) > bucket.now();
  } catch (error) {
    if (isAbsent(error, undefined)) return false;
    throw error;
  }
}

export async function putObject(
  bucket: S3Bucket,
  key: string,
  bytes: Uint8Array,
  options: (ObjectPutOptions & ObjectPutCondition) | undefined,
): Promise<Result<ObjectIdentity, ObjectExists>> {
  const ifAbsent = options?.if_absent ?? false;
  const ifMatch = options?.if_match;
  const conditional = ifAbsent || ifMatch !== undefined;
  const command = new PutObjectCommand({
    ...bucket.of(key),
    ...bucket.attributes(options),
    Body: bytes,
    ContentLength: bytes.byteLength,
    ChecksumAlgorithm,
    ...(ifAbsent && { IfNoneMatch: "*" }),
    ...(ifMatch !== undefined && { IfMatch: `"${ifMatch}"` }),
  });
  return bucket.within(`put ${key}`, options, async (signal) => {
    if (!ifAbsent && (await wouldLose(bucket, key, signal))) return err({ reason: "exists" });
    const client = conditional ? bucket.once : bucket.client;
    for (let tries = 1; ; tries++) {
      try {
        return ok(identityOf(await client.send(command, { abortSignal: signal })));
      } catch (error) {
        const answer = s3Error(error);
        if (conditional && answer?.status === 412) return err({ reason: "exists" });
        // What was to be replaced is gone.
        if (ifMatch !== undefined && isAbsent(error, undefined)) return err({ reason: "exists" });
        if (answer?.code !== "ConditionalRequestConflict" || tries === CONFLICT_TRIES_MAX) throw error;
      }
    }
  });
}

/**
 * A stream as one object: at once if it fits into a part, else part by part. When anything fails, the parts are removed;
 * if that fails too, the bucket's rule for incomplete uploads removes them, and the error names both failures.
 */
export async function putObjectStream(
  bucket: S3Bucket,
  key: string,
  source: AsyncIterable<Uint8Array>,
  options: ObjectPutOptions | undefined,
): Promise<Result<ObjectState, ObjectExists>> {
  let upload: MultipartUpload | null = null;
  try {
    let size = 0;
    for await (const { bytes, last } of piecesOf(source, LIMITS.objectPartBytes)) {
      if (last && upload === null) {
        const put = await putObject(bucket, key, bytes, options);
        return put.ok ? ok({ ...put.value, size: bytes.length }) : put;
      }
      upload ??= await MultipartUpload.start(bucket, key, options);
      if (upload === null) return err({ reason: "exists" });
      size += bytes.length;
      await upload.add(bytes);
      if (last) return ok({ ...(await upload.complete()), size });
    }
    throw new Error("a stream of pieces has a last one");
  } catch (error) {
    if (upload !== null) await upload.abort(error);
    throw error;
  }
}

class MultipartUpload {
  readonly #bucket: S3Bucket;
  readonly #key: string;
  readonly #options: ObjectPutOptions | undefined;
  readonly #id: string;
  readonly #parts: { PartNumber: number; ETag?: string; ChecksumCRC32?: string }[] = [];

  private constructor(bucket: S3Bucket, key: string, options: ObjectPutOptions | undefined, id: string) {
    this.#bucket = bucket;
    this.#key = key;
    this.#options = options;
    this.#id = id;
  }

  /** Null if what is there is locked and would be lost. */
  static start(bucket: S3Bucket, key: string, options: ObjectPutOptions | undefined): Promise<MultipartUpload | null> {
    const command = new CreateMultipartUploadCommand({
      ...bucket.of(key),
      ...bucket.attributes(options),
      ChecksumAlgorithm,
    });
    return bucket.within(`put ${key}`, options, async (signal) => {
      if (await wouldLose(bucket, key, signal)) return null;
      const { UploadId } = await bucket.client.send(command, { abortSignal: signal });
      if (UploadId === undefined) throw new ObjectStoreUnavailable(`put ${key}: the upload was given no id`);
      return new MultipartUpload(bucket, key, options, UploadId);
    });
  }

  async add(bytes: Uint8Array): Promise<void> {
    const PartNumber = this.#parts.length + 1;
    const part = new UploadPartCommand({
      ...this.#named(),
      PartNumber,
      Body: bytes,
      ContentLength: bytes.byteLength,
      ChecksumAlgorithm,
    });
    const { ETag, ChecksumCRC32 } = await this.#bucket.within(`put ${this.#key}`, this.#options, (abortSignal) =>
      this.#bucket.client.send(part, { abortSignal }),
    );
    this.#parts.push({
      PartNumber,
      ...(ETag !== undefined && { ETag }),
      ...(ChecksumCRC32 !== undefined && { ChecksumCRC32 }),
    });
  }

  async complete(): Promise<ObjectIdentity> {
    const command = new CompleteMultipartUploadCommand({ ...this.#named(), MultipartUpload: { Parts: this.#parts } });
    const identity = identityOf(
      await this.#bucket.within(`put ${this.#key}`, this.#options, (abortSignal) =>
        this.#bucket.once.send(command, { abortSignal }),
      ),
    );
    await this.#ensureLock(identity.version);
    return identity;
  }

  /** S3 locks an upload as it was begun; there are servers that forget, and an unlocked tile is no evidence. */
  async #ensureLock(version: string | null): Promise<void> {
    const until_ms = this.#options?.lock?.until_ms;
    if (until_ms === undefined || version === null || this.#bucket.versions !== "locked") return;
    const named = { ...this.#bucket.of(this.#key), VersionId: version };
    await this.#bucket.within(`put ${this.#key}`, this.#options, async (abortSignal) => {
      const head = await this.#bucket.client.send(new HeadObjectCommand(named), { abortSignal });
      if ((lockedUntil(head) ?? 0) >= until_ms) return;
      const Retention = { Mode: "COMPLIANCE" as const, RetainUntilDate: wholeSeconds(until_ms) };
      await this.#bucket.client.send(new PutObjectRetentionCommand({ ...named, Retention }), { abortSignal });
    });
  }

  /** Removes the parts. @throws ObjectStoreUnavailable with both causes if they may still be there. */
  async abort(because: unknown): Promise<void> {
    try {
      await this.#bucket.within(`put ${this.#key}`, this.#options, (abortSignal) =>
        this.#bucket.client.send(new AbortMultipartUploadCommand(this.#named()), { abortSignal }),
      );
    } catch (error) {
      // Completed after all, or removed by the bucket's own rule.
      if (error instanceof ObjectStoreRefused && isAbsent(error.cause, undefined)) return;
      const cause = new AggregateError([because, error]);
      throw new ObjectStoreUnavailable(`put ${this.#key}: failed, and so did removing its parts`, { cause });
    }
  }

  #named() {
    return { ...this.#bucket.of(this.#key), UploadId: this.#id };
  }
}
