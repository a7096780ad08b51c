import { isJsonObject, type JsonObject } from "../../shared/contracts/json.ts";
import type { Attribution, LedgerEntry } from "../../shared/contracts/ledger.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { SystemEvent } from "../../shared/contracts/ports/cell-store.ts";
import { canonicalJson } from "../../shared/crypto/canonical-json.ts";
import { encodeHex } from "../../shared/crypto/hex.ts";
import { leafHash } from "../../shared/crypto/log/tree.ts";
import { sha256Hex } from "../../shared/crypto/sha256.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { type Bundles, NO_BUNDLES, textsOf } from "../runtime/log/bundles.ts";
import type { CoreEnv, Sql } from "../runtime/sql.ts";

/** Which cell and which code write; no tenant can be called `_cell`. */
export interface CellOrigin {
  cell: string;
  region: string;
  /** `version+digest` of the running code. */
  release: string;
}
const CELL_TENANT = "_cell";
const NO_HASH = "0".repeat(64);
const TEXT_CHARS_MAX = 128;

const isFailure = (kind: SystemEvent["kind"]): boolean => kind === "authentication.failed" || kind === "call.refused";

export function headOf(sql: Sql): { size: number; head: string; at_ms: number } {
  const last = sql.get<{ seq: number; hash: string; at_ms: number }>(
    "SELECT seq, hash, at_ms FROM ledger ORDER BY seq DESC LIMIT 1",
  );
  return last ? { size: last.seq + 1, head: last.hash, at_ms: last.at_ms } : { size: 0, head: NO_HASH, at_ms: 0 };
}

/** What an authenticated operator of the cell did. */
export interface Operated {
  action: string;
  by: Attribution;
}

/** Appends one entry to the cell's chain and answers its sequence number. */
export function appendEvent(
  sql: Sql,
  env: CoreEnv,
  origin: CellOrigin,
  event: SystemEvent,
  operated: Operated | undefined = event.operated,
): number {
  const by = operated?.by;
  const { size: seq, head: prev, at_ms: lastMs } = headOf(sql);
  const atMs = Math.max(env.now, lastMs);
  const active = sql.get<{ digest: string }>("SELECT digest FROM activation ORDER BY revision DESC LIMIT 1");
  const entry: LedgerEntry = {
    schema_version: 1,
    tenant: CELL_TENANT,
    seq,
    at: new Date(atMs).toISOString(),
    kind: event.kind,
    outcome: isFailure(event.kind) || event.kind === "ledger.halted" ? "failure" : "success",
    action: operated?.action ?? "cell:record",
    task: null,
    detail: { ...event.detail, reason: clean(event.reason) },
    prev,
    request: by?.request ?? "",
    subject: clean(by?.subject ?? ""),
    credential: by?.credential ?? "",
    acr: by?.acr ?? null,
    workspace: "",
    project: "",
    environment: "",
    cell: origin.cell,
    region: origin.region,
    source: event.source === null ? null : clean(event.source),
    release: origin.release,
    snapshot: active?.digest ?? "",
    decision: by?.decision ?? null,
    policy: by?.policy ?? null,
  };
  let body = textOf(entry);
  if (utf8(body).byteLength > LIMITS.ledgerEntryBytesMax) {
    body = textOf({ ...entry, detail: { reason: clean(event.reason), omitted: "oversize", sha256: sha256Hex(body) } });
  }
  const hash = encodeHex(leafHash(utf8(body)));
  sql.run("INSERT INTO ledger (seq, at_ms, hash, body) VALUES (?, ?, ?, ?)", seq, atMs, hash, body);
  return seq;
}

/**
 * One entry when a failure is new, one with the number of repeats when its 10 s are over: nothing is uncounted, and a
 * flood from many addresses opens at most `systemWindowsMax` windows, the rest is counted without a source. Successes
 * never coalesce: their details differ.
 */
export function noteEvent(sql: Sql, env: CoreEnv, origin: CellOrigin, event: SystemEvent): void {
  if (!isFailure(event.kind)) {
    appendEvent(sql, env, origin, event);
    return;
  }
  const reason = clean(event.reason);
  if (repeated(sql, env, event.kind, reason, clean(event.source ?? ""))) return;
  const open = sql.get<{ open: number }>("SELECT count(*) AS open FROM event_window")?.open ?? 0;
  const crowded = open >= LIMITS.systemWindowsMax;
  if (crowded && repeated(sql, env, event.kind, reason, "")) return;
  const source = crowded ? "" : clean(event.source ?? "");
  const past = windowAt(sql, event.kind, reason, source);
  if (past) closeWindow(sql, env, origin, past);
  const seq = appendEvent(sql, env, origin, { ...event, source: source === "" ? null : source });
  sql.run(
    "INSERT INTO event_window (kind, reason, source, first_seq, close_ms, repeats) VALUES (?, ?, ?, ?, ?, 0)",
    event.kind,
    reason,
    source,
    seq,
    env.now + LIMITS.refusalCoalesceMs,
  );
}

/** Closes windows that are over, at most `max`; answers how many. */
export function closeWindows(sql: Sql, env: CoreEnv, origin: CellOrigin, max: number): number {
  const over = sql.all<EventWindow>(
    "SELECT kind, reason, source, first_seq, repeats FROM event_window WHERE close_ms <= ? ORDER BY close_ms, kind, reason, source LIMIT ?",
    env.now,
    max,
  );
  for (const window of over) closeWindow(sql, env, origin, window);
  return over.length;
}

export const nextWindowClose = (sql: Sql): number | null =>
  sql.get<{ close_ms: number }>("SELECT close_ms FROM event_window ORDER BY close_ms LIMIT 1")?.close_ms ?? null;

/** Where and by which code the newest entry was written: what an alarm, which has no caller, writes as. */
export function lastOrigin(sql: Sql): CellOrigin | null {
  const { size } = headOf(sql);
  if (size === 0) return null;
  const [last] = entriesFrom(sql, size - 1, 1);
  return last ? { cell: last.cell, region: last.region ?? "", release: last.release } : null;
}

/** May throw `InArchive`. */
export function entriesFrom(sql: Sql, from: number, limit: number, bundles: Bundles = NO_BUNDLES): LedgerEntry[] {
  const count = Math.max(0, Math.min(limit, LIMITS.usageRowsMax, headOf(sql).size - from));
  return textsOf(sql, from, count, bundles).map((body, at) => {
    const value: unknown = JSON.parse(body);
    if (!isJsonObject(value) || value.seq !== from + at) throw new Error(`ledger entry ${from + at} is unreadable`);
    return value as unknown as LedgerEntry; // safe because: only `appendEvent` writes rows, and the place is checked
  });
}

type EventWindow = { kind: string; reason: string; source: string; first_seq: number; repeats: number };

const windowAt = (sql: Sql, kind: string, reason: string, source: string): EventWindow | undefined =>
  sql.get<EventWindow>(
    "SELECT kind, reason, source, first_seq, repeats FROM event_window WHERE kind = ? AND reason = ? AND source = ?",
    kind,
    reason,
    source,
  );

const repeated = (sql: Sql, env: CoreEnv, kind: string, reason: string, source: string): boolean =>
  sql.change(
    "UPDATE event_window SET repeats = repeats + 1 WHERE kind = ? AND reason = ? AND source = ? AND close_ms > ?",
    kind,
    reason,
    source,
    env.now,
  ) > 0;

function closeWindow(sql: Sql, env: CoreEnv, origin: CellOrigin, window: EventWindow): void {
  const { kind, reason, source, first_seq, repeats } = window;
  // safe because: windows are opened for failures only
  const failure = kind as "authentication.failed" | "call.refused";
  if (repeats > 0) {
    const event = {
      kind: failure,
      reason,
      source: source === "" ? null : source,
      detail: { first: first_seq, repeats },
    };
    appendEvent(sql, env, origin, event);
  }
  sql.run("DELETE FROM event_window WHERE kind = ? AND reason = ? AND source = ?", kind, reason, source);
}

/** What strangers send must neither break the canonical form nor fill the ledger. */
const clean = (text: string): string => text.slice(0, TEXT_CHARS_MAX).toWellFormed();

function textOf(entry: LedgerEntry): string {
  return canonicalJson({ ...entry } satisfies JsonObject);
}
