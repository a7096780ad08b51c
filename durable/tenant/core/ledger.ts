import type { JsonObject, JsonValue } from "../../../shared/contracts/json.ts";
import { isJsonObject } from "../../../shared/contracts/json.ts";
import type { Attribution, LedgerEntry, LedgerKind } from "../../../shared/contracts/ledger.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { canonicalJson } from "../../../shared/crypto/canonical-json.ts";
import { sha256Hex } from "../../../shared/crypto/sha256.ts";
import { Known } from "../../runtime/known.ts";
import { type Bundles, NO_BUNDLES, textsOf } from "../../runtime/log/bundles.ts";
import type { Sql } from "../../runtime/sql.ts";
import { isFrozen, TenantFrozen } from "./move-state.ts";
import { noteTaskEntry } from "./task-entries.ts";

/** `prev` of the first entry. */
export const NO_HASH = "0".repeat(64);

/** An entry before it has its place in the chain. */
export interface Draft {
  kind: LedgerKind;
  outcome: LedgerEntry["outcome"];
  action: string;
  task: string | null;
  by: Attribution;
  /** Facts of this object; `call` holds what the edge gave. */
  detail: JsonObject;
}

/** The chain's end: `size` is the sequence of the next entry, `hash` and `at_ms` are of the newest one. */
export interface Head {
  size: number;
  hash: string;
  at_ms: number;
}

const HEAD = new Known<Head>("ledger");

/** Read once; from then on every append tells it. */
export function headOf(sql: Sql): Head {
  const known = HEAD.get(sql);
  if (known) return known;
  const last = sql.get<{ seq: number; hash: string; at_ms: number }>(
    "SELECT seq, hash, at_ms FROM ledger ORDER BY seq DESC LIMIT 1",
  );
  const head = last ? { size: last.seq + 1, hash: last.hash, at_ms: last.at_ms } : { size: 0, hash: NO_HASH, at_ms: 0 };
  HEAD.set(sql, head);
  return head;
}

const encoder = new TextEncoder();
/**
 * The zero byte that RFC 6962 puts before a leaf, the entry, and one byte more than an entry may have, so that an entry
 * that does not fit is seen.
 */
const leaf = new Uint8Array(1 + LIMITS.ledgerEntryBytesMax + 1);
const scratch = leaf.subarray(1);

/**
 * Appends to one tenant's chain, inside the caller's transaction. Entries are RFC 8785 text of at most 65,535 bytes; what
 * the edge attached is replaced by its digest when it does not fit. One hash an append: the RFC 6962 leaf hash is both the
 * chain's link and the tree's leaf, and sealing reads it from the row.
 */
export class LedgerWriter {
  readonly #sql: Sql;
  readonly #tenant: string;
  readonly #nowMs: number;

  constructor(sql: Sql, tenant: string, nowMs: number) {
    this.#sql = sql;
    this.#tenant = tenant;
    this.#nowMs = nowMs;
  }

  /** Sequence of the entry that the next `append` writes. */
  get next(): number {
    return headOf(this.#sql).size;
  }

  /**
   * Answers the entry's sequence number. Throws when the attribution alone is larger than an entry may be, and
   * `TenantFrozen` while the tenant is copied or lives elsewhere: two cells never go on with one log.
   */
  append(draft: Draft): number {
    if (isFrozen(this.#sql)) throw new TenantFrozen(`a ledger that moves takes no ${draft.kind}`);
    const { size: seq, hash: prev, at_ms: lastMs } = headOf(this.#sql);
    // A clock that was set back must not make the log's times fall: periods are runs of entries.
    const atMs = Math.max(this.#nowMs, lastMs);
    const at = isoOf(atMs);
    let body = entryText(this.#tenant, seq, at, prev, draft);
    let size = encodedBytes(body);
    if (size === null) {
      body = entryText(this.#tenant, seq, at, prev, { ...draft, detail: withoutAttachments(draft.detail) });
      size = encodedBytes(body);
    }
    if (size === null) throw new RangeError("a ledger entry is larger than its bound");
    const hash = sha256Hex(leaf.subarray(0, 1 + size));
    this.#sql.run("INSERT INTO ledger (seq, at_ms, hash, body) VALUES (?, ?, ?, ?)", seq, atMs, hash, body);
    HEAD.set(this.#sql, { size: seq + 1, hash, at_ms: atMs });
    noteTaskEntry(this.#sql, draft.kind, draft.task, seq, atMs);
    return seq;
  }
}

/** For steps that read nothing else first. */
export const ledgerWriter = (sql: Sql, nowMs: number): LedgerWriter => new LedgerWriter(sql, tenantOf(sql), nowMs);

const TENANT = new Known<string>("tenant");

function tenantOf(sql: Sql): string {
  const known = TENANT.get(sql);
  if (known !== undefined) return known;
  const row = sql.get<{ id: string }>("SELECT id FROM tenant");
  if (!row) throw new Error("the tenant's row is missing");
  TENANT.set(sql, row.id);
  return row.id;
}

/** The calls of one tick share their instant, and formatting it costs as much as a look-up. */
let formatted = { ms: 0, text: "1970-01-01T00:00:00.000Z" };
function isoOf(ms: number): string {
  if (formatted.ms !== ms) formatted = { ms, text: new Date(ms).toISOString() };
  return formatted.text;
}

/** Members in the order RFC 8785 demands, so that the fixed part needs no sorting. */
function entryText(tenant: string, seq: number, at: string, prev: string, draft: Draft): string {
  const { kind, outcome, action, task, by } = draft;
  const { acr, cell, credential, decision, environment, policy, project, region, release, request, snapshot, source } =
    by;
  const before = JSON.stringify({ acr, action, at, cell, credential, decision });
  const after = JSON.stringify({
    environment,
    kind,
    outcome,
    policy,
    prev,
    project,
    region,
    release,
    request,
    schema_version: 1,
    seq,
    snapshot,
    source,
    subject: by.subject,
    task,
    tenant,
    workspace: by.workspace,
  });
  // `JSON.stringify` writes a lone surrogate as an escape, which RFC 8785 refuses.
  if (before.includes("\\ud") || after.includes("\\ud")) {
    const clean = wellFormed({ ...by, action, task });
    if (clean.changed) return entryText(tenant, seq, at, prev, { ...draft, ...clean.value });
  }
  return `${before.slice(0, -1)},"detail":${detailText(draft.detail)},${after.slice(1)}`;
}

function wellFormed(from: Attribution & { action: string; task: string | null }) {
  let changed = false;
  const clean = { ...from };
  for (const member of [
    "subject",
    "source",
    "acr",
    "credential",
    "action",
    "task",
    "region",
    "release",
    "request",
  ] as const) {
    const value = clean[member];
    if (value === null || value.isWellFormed()) continue;
    Object.assign(clean, { [member]: value.toWellFormed() });
    changed = true;
  }
  const { action, task, ...by } = clean;
  return { changed, value: { action, task, by } };
}

/**
 * RFC 8785 text. Members that stand in order already, as this code writes them, need only the native serialiser, a third
 * of the cost. A settlement must never be lost to a bad character: what I-JSON cannot carry is replaced, not refused.
 */
function detailText(detail: JsonObject): string {
  if (inOrder(detail)) {
    const text = JSON.stringify(detail);
    if (!text.includes("\\ud")) return text;
  }
  try {
    return canonicalJson(detail);
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    return canonicalJson(repaired(detail));
  }
}

/** Whether every object's members stand in the order of UTF-16 code units, and all numbers have a JSON form. */
function inOrder(value: JsonValue | undefined): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || value === null) return value !== undefined;
  if (Array.isArray(value)) return value.every(inOrder);
  let before = "";
  for (const name in value) {
    if (name < before || !inOrder(value[name])) return false;
    before = name;
  }
  return true;
}

function repaired(value: JsonValue | undefined): JsonValue {
  if (typeof value === "string") return value.toWellFormed();
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (value === undefined) return null;
  if (Array.isArray(value)) return value.map(repaired);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name.toWellFormed(), repaired(member)]));
}

/** UTF-8 length, with the bytes left in `scratch`; null when they do not fit. */
function encodedBytes(text: string): number | null {
  const { read, written } = encoder.encodeInto(text, scratch);
  return read < text.length || written > LIMITS.ledgerEntryBytesMax ? null : written;
}

function withoutAttachments(detail: JsonObject): JsonObject {
  const short: JsonObject = { ...detail };
  for (const name of ["call", "route"]) {
    const attached = detail[name];
    if (attached === undefined || attached === null) continue;
    const text = canonicalJson(repaired(attached));
    short[name] = { omitted: "oversize", chars: text.length, sha256: sha256Hex(text) };
  }
  return short;
}

/** Stored entries are this code's own canonical text; a row that is not an entry of its place is corruption and throws. */
export function parseEntry(seq: number, body: string): LedgerEntry {
  const value: unknown = JSON.parse(body);
  if (!isJsonObject(value) || value.seq !== seq || value.schema_version !== 1)
    throw new Error(`ledger entry ${seq} is unreadable`);
  return value as unknown as LedgerEntry; // safe because: only `append` writes rows, place and version are checked
}

/** May throw `InArchive` for an entry that is pruned, unless this object still needed it. */
export function readEntry(sql: Sql, seq: number, bundles: Bundles = NO_BUNDLES): LedgerEntry {
  const row = sql.get<{ body: string }>("SELECT body FROM ledger WHERE seq = ?", seq);
  return parseEntry(seq, row?.body ?? textsOf(sql, seq, 1, bundles)[0] ?? "");
}
