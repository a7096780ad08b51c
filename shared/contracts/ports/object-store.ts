import type { Result } from "../result.ts";

/** Where bytes rest and what protects them. `not WORM`: locks bind callers of this port, not whoever owns the store. */
export interface ObjectPlacement {
  readonly technology: "s3" | "r2" | "file-system";
  readonly jurisdiction: string;
  readonly worm: "object-lock" | "bucket-lock" | "not WORM";
}

/** Until then nobody may remove this version, and replacing the object leaves it readable or is refused. */
export interface ObjectLock {
  readonly mode: "compliance";
  readonly until_ms: number;
}

export interface ObjectCallOptions {
  /** How long the store is waited for; for streams, how long for each piece. The adapter's default otherwise. */
  timeout_ms?: number;
}

export interface ObjectPutOptions extends ObjectCallOptions {
  lock?: ObjectLock | null;
  content_type?: string;
}

/** What has to be there for a whole object to be written. */
export interface ObjectPutCondition {
  /** Nothing. */
  if_absent?: boolean;
  /** The state with this `etag`: whoever writes late, behind somebody else, replaces nothing. Not with `if_absent`. */
  if_match?: string;
}

/** Bytes from `offset` on, at most `length` (> 0), cut to the object: past its end there are none. */
export interface ObjectRange {
  readonly offset: number;
  readonly length: number;
}

export interface ObjectGetOptions extends ObjectCallOptions {
  /** This version and no other: `not_found` when it is gone. */
  version?: string;
  range?: ObjectRange;
}

/** Names one stored state of an object. `version` is null where the store has none; `etag` is opaque. */
export interface ObjectIdentity {
  readonly version: string | null;
  readonly etag: string;
}

/** `size` is the whole object's, also where a range of it was read. */
export interface ObjectState extends ObjectIdentity {
  readonly size: number;
}

export interface ObjectHead extends ObjectState {
  readonly locked_until_ms: number | null;
  readonly modified_ms: number;
}

export type ObjectNotFound = { readonly reason: "not_found" };
/** Not what `if_absent` or `if_match` asked is there, or what is there is locked and this store cannot keep it beside. */
export type ObjectExists = { readonly reason: "exists" };
export type ObjectLocked = { readonly reason: "locked"; readonly until_ms: number };
/** The store is not what the configuration says of it. */
export type ObjectStoreMisplaced = { readonly reason: "misplaced"; readonly detail: string };

/**
 * Whole objects under keys (`objectKeyProblem`). Durable when a write resolves; every read after it, by anybody, sees it.
 * A write is whole or absent, never partial. Concurrent writes of one key: the last one wins, with a condition exactly one.
 * Every call rejects with `ObjectStoreUnavailable` (retry) or `ObjectStoreRefused` (do not); after the former a write
 * may or may not have happened. A key that is not one is `InvalidObjectKey`.
 */
export interface ObjectStore {
  readonly placement: ObjectPlacement;
  /** Asks the store whether it is reachable and, as far as it can tell, as `placement` says. For start-up and readiness. */
  check(options?: ObjectCallOptions): Promise<Result<null, ObjectStoreMisplaced>>;
  /** At most `objectPutBytesMax` in one piece. `bytes` must not change before it resolves. */
  put(
    key: string,
    bytes: Uint8Array,
    options?: ObjectPutOptions & ObjectPutCondition,
  ): Promise<Result<ObjectIdentity, ObjectExists>>;
  /** Up to `objectBytesMax` in bounded memory. When `source` throws, nothing is left and its error is thrown on; `source` is always closed. */
  putStream(
    key: string,
    source: AsyncIterable<Uint8Array>,
    options?: ObjectPutOptions,
  ): Promise<Result<ObjectState, ObjectExists>>;
  /** At most `objectGetBytesMax` of bytes, object or range: a larger one is a RangeError. */
  get(
    key: string,
    options?: ObjectGetOptions,
  ): Promise<Result<ObjectState & { readonly bytes: Uint8Array<ArrayBuffer> }, ObjectNotFound>>;
  /** The bytes of one version, also if it is replaced meanwhile. A stream that breaks off errors, it never ends early. */
  getStream(
    key: string,
    options?: ObjectGetOptions,
  ): Promise<Result<ObjectState & { readonly body: ReadableStream<Uint8Array<ArrayBuffer>> }, ObjectNotFound>>;
  head(key: string, options?: ObjectCallOptions & { version?: string }): Promise<Result<ObjectHead, ObjectNotFound>>;
  /** Keys of what is there, ascending by UTF-8 bytes, strictly after `after`; `limit` up to `objectListKeysMax`. */
  list(
    prefix: string,
    options: ObjectCallOptions & { after?: string; limit: number },
  ): Promise<{ readonly keys: string[]; readonly more: boolean }>;
  /**
   * Removes one version, or the object with all its versions; refused whole while any of those is locked. What is absent
   * is removed already. Removing the newest version alone uncovers the one before it, where the store kept one.
   */
  delete(key: string, options?: ObjectCallOptions & { version?: string }): Promise<Result<null, ObjectLocked>>;
}

/** The store cannot be reached, is overloaded or failed: the call may be tried again. */
export class ObjectStoreUnavailable extends Error {
  override readonly name = "ObjectStoreUnavailable";
  readonly retryable = true;
}

/** The store will not do this however often it is asked: credentials, permissions, bucket, damage. */
export class ObjectStoreRefused extends Error {
  override readonly name = "ObjectStoreRefused";
  readonly retryable = false;
}

export class InvalidObjectKey extends Error {
  override readonly name = "InvalidObjectKey";
}

export const OBJECT_KEY_BYTES_MAX = 512;
/** A file name may have 255 bytes, and a file system marks objects in theirs. */
export const OBJECT_KEY_SEGMENT_BYTES_MAX = 240;

/** Why a text is no key, or null: segments of `[A-Za-z0-9._-]` joined by `/`, none empty, `.` or `..`. */
export function objectKeyProblem(key: string): string | null {
  if (!/^[A-Za-z0-9._/-]+$/.test(key)) return "has a character outside A-Z a-z 0-9 . _ - / or none at all";
  if (key.length > OBJECT_KEY_BYTES_MAX) return `is longer than ${OBJECT_KEY_BYTES_MAX} bytes`;
  for (const segment of key.split("/")) {
    if (segment === "" || segment === "." || segment === "..") return "has an empty, . or .. segment";
    if (segment.length > OBJECT_KEY_SEGMENT_BYTES_MAX)
      return `has a segment longer than ${OBJECT_KEY_SEGMENT_BYTES_MAX} bytes`;
  }
  return null;
}

/** The key itself. Throws `InvalidObjectKey`; every adapter calls this first. */
export function objectKey(key: string): string {
  const problem = objectKeyProblem(key);
  if (problem !== null) throw new InvalidObjectKey(`the object key ${JSON.stringify(key.slice(0, 64))} ${problem}`);
  return key;
}

/** A prefix of keys: empty, a key, or a key with more to come after its last `/`. Throws `InvalidObjectKey`. */
export function objectPrefix(prefix: string): string {
  if (prefix !== "") objectKey(prefix.endsWith("/") ? prefix.slice(0, -1) : prefix);
  return prefix;
}
