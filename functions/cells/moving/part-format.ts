import { z } from "zod";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { MOVED_CLASSES, TableRows } from "../../../shared/contracts/tenant-move.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";

const ScopeRows = z.array(z.record(z.string(), z.union([z.string(), z.number()])));

/** What a part holds, in order. `key`s are of the object store; what is longer than a part stands in several of them. */
export const PartRecord = z.discriminatedUnion("kind", [
  /** The body is the tenant's data key. The first record of the first part. */
  z.strictObject({ kind: z.literal("data_key") }),
  z.strictObject({
    kind: z.literal("rows"),
    class: z.enum(MOVED_CLASSES),
    name: z.string(),
    tables: z.array(TableRows),
  }),
  /** The body is a piece of an object: `at` of `size` bytes, the first one in the part `first`. */
  z.strictObject({
    kind: z.literal("blob"),
    key: z.string(),
    size: z.int().min(0),
    at: z.int().min(0),
    first: z.int().min(0),
  }),
  z.strictObject({
    kind: z.literal("scopes"),
    workspaces: ScopeRows,
    projects: ScopeRows,
    environments: ScopeRows,
  }),
]);
export type PartRecord = z.infer<typeof PartRecord>;
export type PartEntry = { record: PartRecord; body: Uint8Array };

const NO_BYTES = new Uint8Array();
const HEAD = 8;

/** A part: each record as the lengths of its JSON and of its body (uint32, big endian), then both. */
export class PartWriter {
  #pieces: Uint8Array[] = [];
  #bytes = 0;

  get full(): boolean {
    return this.#bytes >= LIMITS.movedPartBytesMax;
  }
  get isEmpty(): boolean {
    return this.#bytes === 0;
  }
  /** Bytes of bodies that still fit. */
  get room(): number {
    return Math.max(0, LIMITS.movedPartBytesMax - this.#bytes);
  }

  add(record: PartRecord, body: Uint8Array = NO_BYTES): void {
    const json = utf8(JSON.stringify(record));
    const head = new Uint8Array(HEAD);
    const view = new DataView(head.buffer);
    view.setUint32(0, json.length);
    view.setUint32(4, body.length);
    this.#pieces.push(head, json, body.slice());
    this.#bytes += HEAD + json.length + body.length;
  }

  /** The part's bytes; the writer begins the next one. */
  take(): Uint8Array {
    const bytes = new Uint8Array(this.#bytes);
    let at = 0;
    for (const piece of this.#pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    this.#pieces = [];
    this.#bytes = 0;
    return bytes;
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The records of a part that its seal has proven; null for what no writer of this format makes. */
export function readPart(bytes: Uint8Array): PartEntry[] | null {
  const entries: PartEntry[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; ) {
    if (at + HEAD > bytes.length) return null;
    const json = view.getUint32(at);
    const body = view.getUint32(at + 4);
    const end = at + HEAD + json + body;
    if (end > bytes.length) return null;
    let read: unknown;
    try {
      read = JSON.parse(decoder.decode(bytes.subarray(at + HEAD, at + HEAD + json)));
    } catch {
      return null; // Bytes that are not UTF-8 or text that is not JSON.
    }
    const record = PartRecord.safeParse(read);
    if (!record.success) return null;
    entries.push({ record: record.data, body: bytes.subarray(at + HEAD + json, end) });
    at = end;
  }
  return entries;
}

/** Names under which a part is sealed: it opens as no other part, and of no other move. */
export const partContext = (tenant: string, move: string, part: number) => ({ tenant, object: `move/${move}/${part}` });
export const partName = (part: number): string => `parts/${String(part).padStart(6, "0")}`;
export const MANIFEST_FILE = "manifest.dsse.json";
