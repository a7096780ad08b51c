import type { CredentialRef, UnixMs } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type {
  Access,
  AccessRefusal,
  Change,
  ChangeRefusal,
  ProviderCredential,
} from "../../../shared/contracts/ports/tenant-store.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import type { CoreEnv, Sql } from "../../runtime/sql.ts";
import { accessRefusal, readGate } from "./access.ts";
import { changing } from "./changing.ts";

type View = Omit<ProviderCredential, "sealed">;
type NewCredential = Omit<ProviderCredential, "created_ms">;

/** Sealing adds nonce, tag, header and a third of base64 to a secret; twice its bound holds that. */
const SEALED_CHARS_MAX = 2 * LIMITS.credentialSecretBytesMax;

/** The same reference again replaces the sealed secret. Neither the ledger nor the answer holds it. */
export function putCredential(
  sql: Sql,
  env: CoreEnv,
  change: Change,
  { ref, provider, name, sealed }: NewCredential,
): Result<View, ChangeRefusal | { reason: "limit" }> {
  return changing<View, { reason: "limit" }>(sql, env, change, "credential:write", (ledger) => {
    const known = sql.get<{ created_ms: UnixMs }>("SELECT created_ms FROM credential WHERE ref = ?", ref);
    const count = sql.get<{ n: number }>("SELECT count(*) AS n FROM credential")?.n ?? 0;
    if ((!known && count >= LIMITS.credentialsPerTenantMax) || sealed.length > SEALED_CHARS_MAX)
      return err({ reason: "limit" });
    // safe because: the shell's clock
    const created_ms = known?.created_ms ?? (env.now as UnixMs);
    sql.run(
      `INSERT INTO credential (ref, provider, name, sealed, created_ms) VALUES (?, ?, ?, ?, ?) ON CONFLICT (ref) DO UPDATE
       SET provider = excluded.provider, name = excluded.name, sealed = excluded.sealed`,
      ref,
      provider,
      name,
      sealed,
      created_ms,
    );
    ledger.append({
      kind: "credential.created",
      outcome: "success",
      action: "credential:write",
      task: null,
      by: change.by,
      detail: { credential: { ref, provider, name, replaced: known !== undefined } },
    });
    return ok({ ref, provider, name, created_ms });
  });
}

export function deleteCredential(
  sql: Sql,
  env: CoreEnv,
  change: Change,
  ref: CredentialRef,
): Result<null, ChangeRefusal | { reason: "not_found" }> {
  return changing<null, { reason: "not_found" }>(sql, env, change, "credential:write", (ledger) => {
    if (sql.change("DELETE FROM credential WHERE ref = ?", ref) === 0) return err({ reason: "not_found" });
    ledger.append({
      kind: "credential.deleted",
      outcome: "success",
      action: "credential:write",
      task: null,
      by: change.by,
      detail: { credential: { ref } },
    });
    return ok(null);
  });
}

export function listCredentials(sql: Sql, env: CoreEnv, access: Access): Result<View[], AccessRefusal> {
  const refusal = accessRefusal(readGate(sql, access.kid), env.now, access);
  return refusal
    ? err(refusal)
    : ok(sql.all<View>("SELECT ref, provider, name, created_ms FROM credential ORDER BY ref"));
}

/** The sealed secret, for one engine call; the task's own entries record its use. */
export function credential(
  sql: Sql,
  env: CoreEnv,
  access: Access,
  ref: CredentialRef,
): Result<ProviderCredential, AccessRefusal | { reason: "not_found" }> {
  const refusal = accessRefusal(readGate(sql, access.kid), env.now, access);
  if (refusal) return err(refusal);
  const row = sql.get<ProviderCredential & Record<string, string | number>>(
    "SELECT ref, provider, name, sealed, created_ms FROM credential WHERE ref = ?",
    ref,
  );
  return row ? ok(row) : err({ reason: "not_found" });
}
