import { isJsonObject, type JsonObject, type JsonValue } from "../contracts/json.ts";
import { LIMITS } from "../contracts/limits.ts";
import { err, ok, type Result } from "../contracts/result.ts";
import { canonicalJson } from "../crypto/canonical-json.ts";
import { encodeHex } from "../crypto/hex.ts";
import { leafHash } from "../crypto/log/tree.ts";
import { parseStrictJson } from "../crypto/strict-json.ts";
import { type Fault, fault, shown } from "./fault.ts";
import { parseUtc } from "./times.ts";

/** `prev` of a log's first entry. */
const NO_ENTRY = "0".repeat(64);

/** One entry of a log, its members as they stand. */
export interface ReadEntry {
  value: JsonObject;
  /** RFC 6962 leaf hash of its bytes. */
  leaf: Uint8Array;
  seq: number;
  tenant: string;
  kind: string;
  at: string;
  atMs: number;
  prev: string;
  detail: JsonObject;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The entry in `bytes`, which must be its RFC 8785 form to the byte. `index` is named by faults. */
export function readEntry(bytes: Uint8Array, index: number): Result<ReadEntry, Fault> {
  if (bytes.length > LIMITS.ledgerEntryBytesMax)
    return err(fault("entry_malformed", "an entry has at most 65,535 bytes", index));
  const json = parseStrictJson(bytes);
  if (!json.ok) return err(fault("not_canonical", `the entry is not JSON (${json.error.reason})`, index));
  if (canonicalJson(json.value) !== decoder.decode(bytes))
    return err(fault("not_canonical", "the entry is not in RFC 8785 form", index));
  const value = json.value;
  if (!isJsonObject(value)) return err(fault("entry_malformed", "the entry is not an object", index));
  if (value.schema_version !== 1)
    return err(fault("schema_version_unknown", "the entry's schema version is not known", index));
  const { seq, tenant, kind, at, prev, detail } = value;
  const atMs = typeof at === "string" ? parseUtc(at) : null;
  const placed = typeof seq === "number" && Number.isSafeInteger(seq) && seq >= 0;
  const chained = typeof prev === "string" && /^[0-9a-f]{64}$/.test(prev);
  if (!placed || !chained || typeof tenant !== "string" || typeof kind !== "string" || !isObject(detail))
    return err(fault("entry_malformed", "the entry lacks a member that every entry has", index));
  if (typeof at !== "string" || atMs === null)
    return err(fault("entry_malformed", "the entry's time is not UTC with milliseconds", index));
  return ok({ value, leaf: leafHash(bytes), seq, tenant, kind, at, atMs, prev, detail });
}

const isObject = (value: JsonValue | undefined): value is JsonObject => value !== undefined && isJsonObject(value);

/** Whether the entry stands at `index` of the log that `origin` names. */
export function placeFault(entry: ReadEntry, index: number, origin: string): Fault | null {
  if (entry.seq !== index) return fault("seq_differs", `the entry at ${index} says that it is ${entry.seq}`, index);
  const tenant = origin.slice(origin.lastIndexOf("/") + 1);
  if (entry.tenant !== tenant)
    return fault("tenant_differs", `the entry is of tenant ${shown(entry.tenant)}, the log of ${shown(tenant)}`, index);
  return null;
}

/** Whether `entry` may follow `before`, which need not be its neighbour. `before` null: nothing is known of it. */
export function chainFault(before: ReadEntry | null, entry: ReadEntry): Fault | null {
  const { seq, prev, atMs } = entry;
  if (seq === 0 && prev !== NO_ENTRY) return fault("prev_differs", "the first entry says that one was before it", 0);
  if (before === null) return null;
  if (before.seq + 1 === seq && prev !== encodeHex(before.leaf))
    return fault("prev_differs", `the entry does not follow the one at ${before.seq}`, seq);
  if (atMs < before.atMs) return fault("time_reversed", `the entry is earlier than the one at ${before.seq}`, seq);
  return null;
}
