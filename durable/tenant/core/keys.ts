import { z } from "zod";
import { Role } from "../../../shared/contracts/actor.ts";
import type { KeyId, UnixMs } from "../../../shared/contracts/ids.ts";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type {
  Access,
  AccessRefusal,
  Change,
  ChangeRefusal,
  KeyPage,
  KeyRecord,
  KeyView,
  NewKey,
} from "../../../shared/contracts/ports/tenant-store.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import type { CoreEnv, Sql } from "../../runtime/sql.ts";
import { accessRefusal, readGate } from "./access.ts";
import { changing } from "./changing.ts";
import type { LedgerWriter } from "./ledger.ts";

type CreateRefusal = { reason: "limit" } | { reason: "exists" };
type RevokeRefusal = { reason: "not_found" } | { reason: "last_key" };
type RotateRefusal = { reason: "not_found" } | { reason: "revoked" } | { reason: "limit" };

type KeyRow = Omit<KeyRecord, "roles" | "granted" | "cell_operator" | "made_by"> & {
  roles: string;
  granted: string;
  made_by: string;
  cell_operator: number;
  created_seq: number;
  last_used_ms: UnixMs | null;
};
const COLUMNS = `kid, created_seq, digest, name, workspace, project, environment, subject, kind, roles, granted,
  cell_operator, created_ms, expires_ms, revoked_ms, rotated_to, version, last_used_ms, created_by,
  created_with, made_by`;

const Roles = z.array(Role);
const Texts = z.array(z.string());

const recordOf = ({ created_seq: _, last_used_ms: __, ...row }: KeyRow): KeyRecord => ({
  ...row,
  roles: Roles.parse(JSON.parse(row.roles)),
  granted: Texts.parse(JSON.parse(row.granted)),
  made_by: Texts.parse(JSON.parse(row.made_by)),
  cell_operator: row.cell_operator === 1,
});
function viewOf(row: KeyRow): KeyView {
  const { digest: _, ...view } = recordOf(row);
  return { ...view, last_used_ms: row.last_used_ms };
}

const keyRow = (sql: Sql, kid: string): KeyRow | undefined =>
  sql.get<KeyRow>(`SELECT ${COLUMNS} FROM api_key WHERE kid = ?`, kid);

export function keyRecord(sql: Sql, kid: string): KeyRecord | null {
  const row = keyRow(sql, kid);
  return row ? recordOf(row) : null;
}

/** Keys that could still be used; revoked and expired ones do not count against the bound. */
const liveKeys = (sql: Sql, nowMs: number): number =>
  sql.get<{ n: number }>(
    "SELECT count(*) AS n FROM api_key WHERE revoked_ms IS NULL AND (expires_ms IS NULL OR expires_ms > ?)",
    nowMs,
  )?.n ?? 0;

/** Dead keys stay listed, newest first, up to the same bound as live ones; the ledger keeps them for ever. */
const dropDeadKeys = (sql: Sql, nowMs: number): number =>
  sql.change(
    `DELETE FROM api_key WHERE kid IN (
       SELECT kid FROM api_key WHERE revoked_ms IS NOT NULL OR expires_ms <= ? ORDER BY created_seq DESC LIMIT -1 OFFSET ?)`,
    nowMs,
    LIMITS.keysPerTenantMax,
  );

/**
 * Everybody who has a key in their hands that this caller makes: the caller, whoever made their credential, and `before`,
 * who had the key that it replaces. Null: more than a key keeps. What is kept with a key never changes, so a maker whose
 * own key is long gone is still known.
 */
function makersOf(sql: Sql, { by, made_by = [] }: Omit<Change, "access">, before: readonly string[]): string[] | null {
  const kid = /^key:(.+)$/.exec(by.credential)?.[1];
  const own = kid === undefined ? null : keyRecord(sql, kid);
  const makers = [...new Set([...before, ...(own?.made_by ?? []), ...made_by, by.subject])];
  return makers.length <= LIMITS.keyMakersMax ? makers : null;
}

/** Inserts and ledgers a key; the caller has checked that it may. */
export function insertKey(
  sql: Sql,
  nowMs: number,
  ledger: LedgerWriter,
  by: Change["by"],
  key: NewKey & Pick<KeyRecord, "made_by">,
): KeyView {
  sql.run(
    `INSERT INTO api_key (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, 1, NULL, ?, ?, ?)`,
    key.kid,
    ledger.next,
    key.digest,
    key.name,
    key.workspace,
    key.project,
    key.environment,
    key.subject,
    key.kind,
    JSON.stringify(key.roles),
    JSON.stringify(key.granted),
    key.cell_operator ? 1 : 0,
    nowMs,
    key.expires_ms,
    by.subject,
    by.credential,
    JSON.stringify(key.made_by),
  );
  const view = mustView(sql, key.kid);
  const detail = { key: describe(view) };
  ledger.append({ kind: "key.created", outcome: "success", action: "key:write", task: null, by, detail });
  return view;
}

function mustView(sql: Sql, kid: string): KeyView {
  const row = keyRow(sql, kid);
  if (!row) throw new Error("a key that was just written is missing");
  return viewOf(row);
}

/** The key as the ledger and the directory keep it: everything but digest and last use. */
const describe = ({ last_used_ms: _, roles, granted, made_by, ...view }: KeyView): JsonObject => ({
  ...view,
  roles: [...roles],
  granted: [...granted],
  made_by: [...made_by],
});

export function createKey(
  sql: Sql,
  env: CoreEnv,
  change: Change,
  key: NewKey,
): Result<KeyView, ChangeRefusal | CreateRefusal> {
  return changing<KeyView, CreateRefusal>(sql, env, change, "key:write", (ledger) => {
    if (keyRow(sql, key.kid)) return err({ reason: "exists" });
    if (liveKeys(sql, env.now) >= LIMITS.keysPerTenantMax) return err({ reason: "limit" });
    const made_by = makersOf(sql, change, []);
    if (made_by === null) return err({ reason: "limit" });
    const view = insertKey(sql, env.now, ledger, change.by, { ...key, made_by });
    dropDeadKeys(sql, env.now);
    return ok(view);
  });
}

/**
 * The successor takes everything over, the old key's expiry included, and is its rotator's too; the old key works on for
 * at most the overlap. A key is rotated once: repeating the same rotation answers the same successor, another one is refused as `revoked`.
 */
export function rotateKey(
  sql: Sql,
  env: CoreEnv,
  change: Change,
  kid: KeyId,
  successor: { kid: KeyId; digest: string; overlap_ms: number },
): Result<KeyView, ChangeRefusal | RotateRefusal> {
  return changing<KeyView, RotateRefusal>(sql, env, change, "key:write", (ledger) => {
    const old = keyRow(sql, kid);
    if (!old) return err({ reason: "not_found" });
    if (old.rotated_to === successor.kid) return ok(mustView(sql, successor.kid));
    const expired = old.expires_ms !== null && old.expires_ms <= env.now;
    if (old.revoked_ms !== null || old.rotated_to !== null || expired) return err({ reason: "revoked" });
    if (liveKeys(sql, env.now) >= LIMITS.keysPerTenantMax) return err({ reason: "limit" });
    const before = recordOf(old);
    const made_by = makersOf(sql, change, before.made_by);
    if (made_by === null) return err({ reason: "limit" });
    const { kid: next, digest } = successor;
    insertKey(sql, env.now, ledger, change.by, { ...before, kid: next, digest, made_by });
    const overlapMs = Math.min(Math.max(0, successor.overlap_ms), LIMITS.keyRotationOverlapMsMax);
    const endsMs = Math.min(old.expires_ms ?? Number.POSITIVE_INFINITY, env.now + overlapMs);
    sql.run(
      "UPDATE api_key SET expires_ms = ?, rotated_to = ?, version = version + 1 WHERE kid = ?",
      endsMs,
      successor.kid,
      kid,
    );
    ledgerKey(sql, ledger, change, "key.rotated", "key:write", kid);
    return ok(mustView(sql, successor.kid));
  });
}

/**
 * Refuses `last_key` where nobody could make another one afterwards: the last working key of the cell's operators, and the
 * last one of the tenant's administrators for whoever comes with a key of theirs. Operators, and administrators by token,
 * are still there to make one.
 */
export function revokeKey(
  sql: Sql,
  env: CoreEnv,
  change: Change,
  kid: KeyId,
): Result<KeyView, ChangeRefusal | RevokeRefusal> {
  return changing<KeyView, RevokeRefusal>(sql, env, change, "key:write", (ledger) => {
    const key = keyRow(sql, kid);
    if (!key) return err({ reason: "not_found" });
    if (key.revoked_ms !== null) return ok(viewOf(key));
    if (isLast(sql, env.now, change.access, recordOf(key))) return err({ reason: "last_key" });
    sql.run("UPDATE api_key SET revoked_ms = ?, version = version + 1 WHERE kid = ?", env.now, kid);
    ledgerKey(sql, ledger, change, "key.revoked", "key:write", kid);
    return ok(mustView(sql, kid));
  });
}

/** Keys that work and were not rotated away: none of them ends with another one's overlap. */
const STAYS = "revoked_ms IS NULL AND rotated_to IS NULL AND (expires_ms IS NULL OR expires_ms > ?)";
const OPERATES = "cell_operator = 1";
/** Roles and scopes are lists of JSON texts, without quotes inside. */
const MAKES_KEYS = `roles LIKE '%"admin"%' AND (granted LIKE '%"*"%' OR granted LIKE '%"key:*"%' OR granted LIKE '%"key:write"%')`;

function isLast(sql: Sql, nowMs: number, { kid: caller }: Access, { kid, cell_operator }: KeyRecord): boolean {
  if (!cell_operator && (caller === null || keyRecord(sql, caller)?.cell_operator !== false)) return false;
  const alike = cell_operator ? OPERATES : MAKES_KEYS;
  const found = (which: string): boolean =>
    sql.get(`SELECT 1 AS found FROM api_key WHERE ${which} AND ${STAYS} AND ${alike} LIMIT 1`, kid, nowMs) !==
    undefined;
  return found("kid = ?") && !found("kid <> ?");
}

function ledgerKey(
  sql: Sql,
  ledger: LedgerWriter,
  { by }: Change,
  kind: "key.rotated" | "key.revoked",
  action: string,
  kid: string,
): void {
  const detail = { key: describe(mustView(sql, kid)) };
  ledger.append({ kind, outcome: "success", action, task: null, by, detail });
}

/** Ordered by creation. A cursor that names no key of the tenant answers an empty page. */
export function listKeys(
  sql: Sql,
  env: CoreEnv,
  access: Access,
  page: { after: string | null; limit: number },
): Result<KeyPage, AccessRefusal> {
  const refusal = accessRefusal(readGate(sql, access.kid), env.now, access);
  if (refusal) return err(refusal);
  const from = page.after === null ? -1 : keyRow(sql, page.after)?.created_seq;
  if (from === undefined) return ok({ keys: [], next: null });
  const limit = Math.min(Math.max(1, page.limit), LIMITS.pageItemsMax);
  const rows = sql.all<KeyRow>(
    `SELECT ${COLUMNS} FROM api_key WHERE created_seq > ? ORDER BY created_seq LIMIT ?`,
    from,
    limit + 1,
  );
  const keys = rows.slice(0, limit).map(viewOf);
  return ok({ keys, next: rows.length > limit ? (keys.at(-1)?.kid ?? null) : null });
}
