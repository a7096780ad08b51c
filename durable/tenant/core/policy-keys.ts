import { z } from "zod";
import { BundlePublicKey, PUBLIC_BUNDLE_ALGORITHMS } from "../../../shared/contracts/config/bundles.ts";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { RegisteredKey } from "../../../shared/contracts/policy/registered-key.ts";
import type { RegisteredKeys } from "../../../shared/contracts/ports/policy-key-store.ts";
import type { Access, AccessRefusal, Change, ChangeRefusal } from "../../../shared/contracts/ports/tenant-store.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import { registeredKeysDigest } from "../../../shared/crypto/registered-keys-digest.ts";
import { shelfInForceBy, shelfRetireSignedBy } from "../../runtime/bundle-shelf.ts";
import type { CoreEnv, Sql } from "../../runtime/sql.ts";
import { accessRefusal, readGate } from "./access.ts";
import { changing } from "./changing.ts";
import type { LedgerWriter } from "./ledger.ts";

export const POLICY_KEY_SCHEMA: readonly string[] = [
  `CREATE TABLE policy_key (
    id TEXT PRIMARY KEY, algorithm TEXT NOT NULL, public_key TEXT NOT NULL, created_ms INTEGER NOT NULL,
    created_by TEXT NOT NULL
  ) WITHOUT ROWID`,
];

/** Stored data is parsed on every read. */
const Stored = z.object({ algorithm: z.enum(PUBLIC_BUNDLE_ALGORITHMS), public_key: BundlePublicKey });
type Row = { id: string; algorithm: string; public_key: string; created_ms: number; created_by: string };
const SELECT = "SELECT id, algorithm, public_key, created_ms, created_by FROM policy_key";

function keyOf({ id, algorithm, public_key, created_ms, created_by }: Row): RegisteredKey {
  const stored = Stored.parse({ algorithm, public_key: JSON.parse(public_key) });
  return {
    id,
    algorithm: stored.algorithm,
    // safe because: members of a JWK that are absent are not there
    public_key: stored.public_key as string | JsonObject,
    created_ms: created_ms as UnixMs, // safe because: the shell's clock gave it
    created_by,
  };
}

/** In the order of their ids. */
export const registeredKeys = (sql: Sql): RegisteredKey[] => sql.all<Row>(`${SELECT} ORDER BY id`).map(keyOf);

const registered = (sql: Sql, id: string): RegisteredKey | null => {
  const row = sql.get<Row>(`${SELECT} WHERE id = ?`, id);
  return row ? keyOf(row) : null;
};

const versionOf = (sql: Sql): number =>
  sql.get<{ policy_version: number }>("SELECT policy_version FROM tenant")?.policy_version ?? 0;

export function policyKeys(sql: Sql, env: CoreEnv, access: Access): Result<RegisteredKeys, AccessRefusal> {
  const refusal = accessRefusal(readGate(sql, access.kid), env.now, access);
  return refusal ? err(refusal) : ok({ version: versionOf(sql), keys: registeredKeys(sql) });
}

type PutRefusal = { reason: "limit" } | { reason: "in_use" };

/** See `PolicyKeyStore`. The caller has made sure that the key can verify by its algorithm. */
export function putPolicyKey(
  sql: Sql,
  env: CoreEnv,
  change: Change,
  key: Pick<RegisteredKey, "id" | "algorithm" | "public_key">,
): Result<RegisteredKey, ChangeRefusal | PutRefusal> {
  return changing<RegisteredKey, PutRefusal>(sql, env, change, "policy:write", (ledger) => {
    const { id, algorithm, public_key } = key;
    const before = registered(sql, id);
    if (before && registeredKeysDigest([before]) === registeredKeysDigest([key])) return ok(before);
    if (before && shelfInForceBy(sql, id)) return err({ reason: "in_use" });
    const count = sql.get<{ n: number }>("SELECT count(*) AS n FROM policy_key")?.n ?? 0;
    if (!before && count >= LIMITS.bundleKeysMax) return err({ reason: "limit" });
    const retired = before ? shelfRetireSignedBy(sql, id) : [];
    sql.run(
      `INSERT INTO policy_key (id, algorithm, public_key, created_ms, created_by) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET algorithm = excluded.algorithm, public_key = excluded.public_key,
         created_ms = excluded.created_ms, created_by = excluded.created_by`,
      id,
      algorithm,
      JSON.stringify(public_key),
      env.now,
      change.by.subject,
    );
    changed(sql, ledger, change, "policy.key_registered", key, retired);
    const after = registered(sql, id);
    if (!after) throw new Error("a key that was just written is missing");
    return ok(after);
  });
}

type DeleteRefusal = { reason: "not_found" } | { reason: "in_use" };

export function deletePolicyKey(
  sql: Sql,
  env: CoreEnv,
  change: Change,
  id: string,
): Result<RegisteredKeys, ChangeRefusal | DeleteRefusal> {
  return changing<RegisteredKeys, DeleteRefusal>(sql, env, change, "policy:write", (ledger) => {
    const key = registered(sql, id);
    if (!key) return err({ reason: "not_found" });
    if (shelfInForceBy(sql, id)) return err({ reason: "in_use" });
    const retired = shelfRetireSignedBy(sql, id);
    sql.run("DELETE FROM policy_key WHERE id = ?", id);
    changed(sql, ledger, change, "policy.key_removed", key, retired);
    return ok({ version: versionOf(sql), keys: registeredKeys(sql) });
  });
}

/** Edges that trusted the keys before are refused as stale from the moment that this commits. */
function changed(
  sql: Sql,
  ledger: LedgerWriter,
  { by }: Change,
  kind: "policy.key_registered" | "policy.key_removed",
  key: Pick<RegisteredKey, "id" | "algorithm" | "public_key">,
  retired: number[],
): void {
  sql.run("UPDATE tenant SET policy_version = policy_version + 1");
  const { id, algorithm } = key;
  const detail: JsonObject = {
    layer: "tenant",
    key: { algorithm, digest: registeredKeysDigest([key]), id },
    retired,
    version: versionOf(sql),
  };
  ledger.append({ kind, outcome: "success", action: "policy:write", task: null, by, detail });
}
