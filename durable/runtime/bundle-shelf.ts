import type { UnixMs } from "../../shared/contracts/ids.ts";
import type { JsonObject } from "../../shared/contracts/json.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { BundleRef } from "../../shared/contracts/policy/freshness.ts";
import type { StoredBundle } from "../../shared/contracts/ports/policy-store.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import { chunkBytes, joinBytes } from "./byte-chunks.ts";
import type { Sql } from "./sql.ts";

/** Tables of the policy bundles of one layer, in the object of that layer (ADR 0008). */
export const BUNDLE_SHELF_SCHEMA: readonly string[] = [
  // `before` was active when this one first became so: where a roll back goes. `retired`: the archive is gone.
  `CREATE TABLE policy_bundle (
    revision INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, contract TEXT NOT NULL, signed_by TEXT NOT NULL,
    bytes INTEGER NOT NULL, created_ms INTEGER NOT NULL, created_by TEXT NOT NULL, before INTEGER,
    retired INTEGER NOT NULL
  )`,
  "CREATE TABLE policy_chunk (digest TEXT NOT NULL, at INTEGER NOT NULL, archive BLOB NOT NULL, PRIMARY KEY (digest, at))",
  `CREATE TABLE policy_layer (
    one INTEGER PRIMARY KEY CHECK (one = 1), active INTEGER, canary INTEGER, percent INTEGER
  )`,
];

export type ShelfKind = "policy.bundle_stored" | "policy.activated" | "policy.rolled_back" | "policy.canary";

/** What the object around the shelf gives it, inside the transaction of one change. */
export interface ShelfOwner {
  nowMs: number;
  /** Who changes; kept with the bundle. */
  subject: string;
  version: number;
  /** Moves the layer's version and answers the new one. */
  bump(): number;
  ledger(kind: ShelfKind, detail: JsonObject): void;
}

/** Which bundles of the layer are in force. */
export interface ShelfState {
  active: BundleRef | null;
  canary: { bundle: BundleRef; percent: number } | null;
}
export interface NewBundle extends BundleRef {
  contract: string;
  signed_by: string;
  archive: Uint8Array;
}
export interface ShelfTarget {
  revision: number | null;
  canary_percent: number | null;
  rollback: boolean;
  expected_version: number | null;
}
export type PutRefusal = { reason: "revision_not_increasing"; newest: number } | { reason: "limit" };
export type ActivateRefusal = { reason: "not_found" } | { reason: "version_conflict" } | { reason: "older_revision" };

type Row = Omit<StoredBundle, "state"> & { before: number | null; retired: number };
type LayerRow = { active: number | null; canary: number | null; percent: number | null };

const COLUMNS = "revision, digest, contract, signed_by, bytes, created_ms, created_by, before, retired";

const layerRow = (sql: Sql): LayerRow =>
  sql.get<LayerRow>("SELECT active, canary, percent FROM policy_layer") ?? {
    active: null,
    canary: null,
    percent: null,
  };

const bundleRow = (sql: Sql, revision: number): Row | undefined =>
  sql.get<Row>(`SELECT ${COLUMNS} FROM policy_bundle WHERE revision = ?`, revision);

/** A bundle that is in force is never retired, so its row is there; a missing one is corruption and throws. */
function refOf(sql: Sql, revision: number): BundleRef {
  const row = bundleRow(sql, revision);
  if (!row || row.retired === 1) throw new Error("a policy bundle in force is missing");
  return { revision, digest: row.digest };
}

const stateOf = (sql: Sql, { active, canary, percent }: LayerRow): ShelfState => ({
  active: active === null ? null : refOf(sql, active),
  canary: canary === null || percent === null ? null : { bundle: refOf(sql, canary), percent },
});

export const shelfState = (sql: Sql): ShelfState => stateOf(sql, layerRow(sql));

function viewOf({ before: _, retired, ...row }: Row, layer: LayerRow): StoredBundle {
  const { revision } = row;
  const inForce = revision === layer.active ? "active" : revision === layer.canary ? "canary" : "stored";
  return { ...row, state: retired === 1 ? "retired" : inForce };
}

/** Newest first; those without an archive too, as long as they are listed. */
export function shelfList(sql: Sql): StoredBundle[] {
  const layer = layerRow(sql);
  return sql
    .all<Row>(`SELECT ${COLUMNS} FROM policy_bundle ORDER BY revision DESC LIMIT ?`, LIMITS.policyBundlesListedMax)
    .map((row) => viewOf(row, layer));
}

/** The archive's bytes as they were put; `not_found` when they are not kept (any more). */
export function shelfBytes(sql: Sql, digest: string): Result<Uint8Array, { reason: "not_found" }> {
  const row = sql.get<{ bytes: number }>("SELECT bytes FROM policy_bundle WHERE digest = ? AND retired = 0", digest);
  if (!row) return err({ reason: "not_found" });
  const chunks = sql.all<{ archive: Uint8Array }>(
    "SELECT archive FROM policy_chunk WHERE digest = ? ORDER BY at",
    digest,
  );
  return ok(
    joinBytes(
      chunks.map(({ archive }) => archive),
      row.bytes,
    ),
  );
}

/** Keeps a verified bundle; part of the caller's transaction. The same bytes again change nothing. */
export function shelfPut(sql: Sql, owner: ShelfOwner, bundle: NewBundle): Result<StoredBundle, PutRefusal> {
  const { revision, digest, contract, signed_by, archive } = bundle;
  const layer = layerRow(sql);
  const known = bundleRow(sql, revision);
  if (known?.digest === digest && known.retired === 0) return ok(viewOf(known, layer));
  // Rows leave in the order of their revisions, so the newest that ever was is always there.
  const newest =
    sql.get<{ newest: number }>("SELECT coalesce(max(revision), 0) AS newest FROM policy_bundle")?.newest ?? 0;
  if (!Number.isSafeInteger(revision) || revision <= newest) return err({ reason: "revision_not_increasing", newest });
  if (archive.byteLength > LIMITS.policyBundleBytesMax) return err({ reason: "limit" });
  const row: Row = {
    revision,
    digest,
    contract,
    signed_by,
    bytes: archive.byteLength,
    created_ms: owner.nowMs as UnixMs, // safe because: shells give Unix milliseconds
    created_by: owner.subject,
    before: null,
    retired: 0,
  };
  sql.run(
    `INSERT INTO policy_bundle (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, NULL, 0)`,
    revision,
    digest,
    contract,
    signed_by,
    row.bytes,
    row.created_ms,
    row.created_by,
  );
  chunkBytes(archive).forEach((chunk, at) => {
    sql.run("INSERT INTO policy_chunk (digest, at, archive) VALUES (?, ?, ?)", digest, at, chunk);
  });
  const retired = retire(sql, layer, revision);
  owner.ledger("policy.bundle_stored", {
    bundle: { bytes: row.bytes, contract, digest, revision, signed_by },
    retired,
  });
  return ok(viewOf(row, layer));
}

/** Whether a bundle in force was verified under this key. */
export function shelfInForceBy(sql: Sql, signedBy: string): boolean {
  const { active, canary } = layerRow(sql);
  return [active, canary].some((revision) => revision !== null && bundleRow(sql, revision)?.signed_by === signedBy);
}

/** Lets go what this key has signed and is not in force, so that nobody goes back to it; answers the revisions. */
export function shelfRetireSignedBy(sql: Sql, signedBy: string): number[] {
  const kept = sql.all<{ revision: number; digest: string }>(
    "SELECT revision, digest FROM policy_bundle WHERE signed_by = ? AND retired = 0 ORDER BY revision",
    signedBy,
  );
  for (const row of kept) letGo(sql, row);
  return kept.map(({ revision }) => revision);
}

function letGo(sql: Sql, { revision, digest }: { revision: number; digest: string }): void {
  sql.run("DELETE FROM policy_chunk WHERE digest = ?", digest);
  sql.run("UPDATE policy_bundle SET retired = 1 WHERE revision = ?", revision);
}

/** Lets the oldest archives go that are not in force, nor where a roll back would go; answers their revisions. */
function retire(sql: Sql, layer: LayerRow, added: number): number[] {
  const before = layer.active === null ? null : (bundleRow(sql, layer.active)?.before ?? null);
  const needed = new Set([added, layer.active, layer.canary, before]);
  const kept = sql.all<{ revision: number; digest: string }>(
    "SELECT revision, digest FROM policy_bundle WHERE retired = 0 ORDER BY revision",
  );
  const surplus = kept
    .filter(({ revision }) => !needed.has(revision))
    .slice(0, Math.max(0, kept.length - LIMITS.policyBundlesKeptMax));
  for (const row of surplus) letGo(sql, row);
  sql.run(
    `DELETE FROM policy_bundle WHERE retired = 1 AND revision NOT IN (
       SELECT revision FROM policy_bundle ORDER BY revision DESC LIMIT ?)`,
    LIMITS.policyBundlesListedMax,
  );
  return surplus.map(({ revision }) => revision);
}

/**
 * Changes what is in force, bumps the layer's version and ledgers it; part of the caller's transaction. What is in force
 * already changes nothing. `revision: null` ends the canary, or with `rollback` goes back to what was active before, none
 * included.
 */
export function shelfActivate(
  sql: Sql,
  owner: ShelfOwner,
  target: ShelfTarget,
): Result<ShelfState & { version: number }, ActivateRefusal> {
  const layer = layerRow(sql);
  if (target.expected_version !== null && target.expected_version !== owner.version)
    return err({ reason: "version_conflict" });
  const next = nextLayer(sql, layer, target);
  if (!next.ok) return next;
  const from = stateOf(sql, layer);
  const same = (["active", "canary", "percent"] as const).every((member) => layer[member] === next.value[member]);
  if (same) return ok({ ...from, version: owner.version });
  const { active, canary, percent } = next.value;
  sql.run(
    `INSERT INTO policy_layer (one, active, canary, percent) VALUES (1, ?, ?, ?)
     ON CONFLICT (one) DO UPDATE SET active = excluded.active, canary = excluded.canary, percent = excluded.percent`,
    active,
    canary,
    percent,
  );
  const back = active !== layer.active && (active ?? 0) < (layer.active ?? 0);
  if (active !== layer.active && active !== null && !back)
    sql.run("UPDATE policy_bundle SET before = ? WHERE revision = ?", layer.active, active);
  const version = owner.bump();
  const to = stateOf(sql, next.value);
  const kind = active === layer.active ? "policy.canary" : back ? "policy.rolled_back" : "policy.activated";
  owner.ledger(kind, { from: stateJson(from), to: stateJson(to), version });
  return ok({ ...to, version });
}

function nextLayer(sql: Sql, layer: LayerRow, target: ShelfTarget): Result<LayerRow, ActivateRefusal> {
  const { revision, canary_percent: percent, rollback } = target;
  if (revision === null && !rollback) return ok({ ...layer, canary: null, percent: null });
  if (revision === null) {
    if (layer.active === null) return err({ reason: "not_found" });
    const before = bundleRow(sql, layer.active)?.before ?? null;
    if (before !== null && bundleRow(sql, before)?.retired !== 0) return err({ reason: "not_found" });
    return ok({ active: before, canary: null, percent: null });
  }
  if (bundleRow(sql, revision)?.retired !== 0) return err({ reason: "not_found" });
  const newer = layer.active === null || revision > layer.active;
  if (percent !== null) {
    if (!Number.isInteger(percent) || percent < 1 || percent > 99) throw new RangeError("canary percent out of range");
    // A canary of what all actors have already would say nothing.
    if (revision === layer.active || (!newer && !rollback)) return err({ reason: "older_revision" });
    return ok({ active: layer.active, canary: revision, percent });
  }
  if (!newer && revision !== layer.active && !rollback) return err({ reason: "older_revision" });
  return ok({ active: revision, canary: null, percent: null });
}

const stateJson = ({ active, canary }: ShelfState): JsonObject => ({
  active: active === null ? null : { digest: active.digest, revision: active.revision },
  canary:
    canary === null
      ? null
      : { bundle: { digest: canary.bundle.digest, revision: canary.bundle.revision }, percent: canary.percent },
});
