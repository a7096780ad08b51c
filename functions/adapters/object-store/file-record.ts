import { z } from "zod";
import { ObjectStoreRefused } from "../../../shared/contracts/ports/object-store.ts";

/** The record in front of an object's bytes: JSON, filled with spaces to this size. */
export const RECORD_BYTES = 256;

const FileRecord = z.strictObject({
  format: z.literal("bailiwick-object/1"),
  /** Hex, of the bytes after the record: the object's version. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  size: z.int().nonnegative(),
  stored_ms: z.int().nonnegative(),
  locked_until_ms: z.int().nonnegative().nullable(),
});
export type FileRecord = z.infer<typeof FileRecord>;

/** One file holds record and bytes, so that one rename puts bytes, digest and lock in place together. */
export function encodeRecord(record: Omit<FileRecord, "format">): Uint8Array {
  const text = JSON.stringify({ format: "bailiwick-object/1", ...record } satisfies FileRecord);
  return new TextEncoder().encode(`${text.padEnd(RECORD_BYTES - 1)}\n`);
}

/** @throws ObjectStoreRefused for a file that is not a whole object. */
export function parseRecord(what: string, bytes: Uint8Array, fileSize: number): FileRecord {
  try {
    const record = FileRecord.parse(JSON.parse(new TextDecoder().decode(bytes)));
    if (fileSize === RECORD_BYTES + record.size) return record;
  } catch (cause) {
    throw new ObjectStoreRefused(`${what}: its file is damaged`, { cause });
  }
  throw new ObjectStoreRefused(`${what}: its file is cut off or grew`);
}

export const isLocked = (record: FileRecord, nowMs: number): boolean =>
  record.locked_until_ms !== null && record.locked_until_ms > nowMs;
