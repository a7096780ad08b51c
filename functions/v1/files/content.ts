import type { BatchId, FileId } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { BatchPart } from "../../../shared/contracts/ports/batch-store.ts";
import {
  type ObjectStore,
  ObjectStoreRefused,
  ObjectStoreUnavailable,
} from "../../../shared/contracts/ports/object-store.ts";
import { openRange, plainSize, type SealedSource } from "../../../shared/crypto/open-range.ts";
import { sealStream } from "../../../shared/crypto/seal.ts";
import type { Deps } from "../../context.ts";
import { ProblemError } from "../../problem.ts";

/** The cell's object store. Throws `store-unavailable` in a cell that has none. */
export function objectsOf({ archive }: Pick<Deps, "archive">): ObjectStore {
  if (archive === null) throw new ProblemError("store-unavailable", { detail: "This cell has no object store." });
  return archive;
}

/** A call of the object store; what it cannot do now is a 503. */
export async function stored<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (cause) {
    if (!(cause instanceof ObjectStoreUnavailable || cause instanceof ObjectStoreRefused)) throw cause;
    throw new ProblemError("store-unavailable", { retryAfterMs: 1_000 }, { cause });
  }
}

export const fileKey = (tenant: string, file: FileId): string => `files/${tenant}/${file}/content`;
const fileObject = (file: FileId): string => `file/${file}/content`;
/** Results of a batch that are not in its files yet. */
export const partKey = (tenant: string, batch: BatchId, part: BatchPart): string =>
  `batches/${tenant}/${batch}/${named(part)}`;
export const partObject = (batch: BatchId, part: BatchPart): string => `batch/${batch}/${named(part)}`;
const named = ({ kind, part, fence }: BatchPart): string => `${kind}/${part}${fence === 0 ? "" : `-${fence}`}`;

/** Whose bytes: the tenant, and its data key. */
export interface Sealing {
  tenant: string;
  dataKey: Uint8Array;
}

/** Seals the content on its way into the store; nothing is left of one that breaks off. Answers its bytes. */
export async function putContent(
  objects: ObjectStore,
  { tenant, dataKey }: Sealing,
  file: FileId,
  source: AsyncIterable<Uint8Array>,
): Promise<number> {
  const context = { tenant, object: fileObject(file) };
  const put = await objects.putStream(fileKey(tenant, file), sealStream(dataKey, context, source));
  if (!put.ok) throw new Error(`the object of ${file} is locked`);
  return plainSize(put.value.size);
}

/** The plaintext from `offset` on; null when the content is not there. */
export async function readContent(
  objects: ObjectStore,
  { tenant, dataKey }: Sealing,
  file: FileId,
  range: { offset: number; length: number },
): Promise<AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> | null> {
  const key = fileKey(tenant, file);
  const head = await objects.head(key);
  if (!head.ok) return null;
  const source: SealedSource = {
    size: head.value.size,
    async read(offset, length) {
      const version = head.value.version === null ? {} : { version: head.value.version };
      const got = await objects.get(key, { range: { offset, length }, ...version });
      if (!got.ok) throw new Error(`the content of ${file} is gone`);
      return got.value.bytes;
    },
  };
  return openRange(dataKey, { tenant, object: fileObject(file) }, source, {
    ...range,
    length: Math.min(range.length, LIMITS.objectBytesMax),
  });
}
