import { existsSync } from "node:fs";
import { join } from "node:path";
import { lockHome } from "../../durable/runtime/home-lock.ts";
import { hostFiles } from "../../durable/runtime/host-files.ts";
import { isProvisioned, migrate } from "../../durable/runtime/migrate.ts";
import { objectFolder, objectPath } from "../../durable/runtime/object-path.ts";
import { SqliteFile } from "../../durable/runtime/sqlite-file.ts";
import { grantOperator } from "../../durable/tenant/core.ts";
import { TENANT_MIGRATIONS } from "../../durable/tenant/migrations.ts";
import type { TenantId } from "../../shared/contracts/ids.ts";
import type { NewKey } from "../../shared/contracts/ports/tenant-store.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import { systemClock } from "../adapters/clock/system.ts";
import { randomIds } from "../adapters/ids/random.ts";
import { secretKeyring } from "../adapters/keyring/secret.ts";
import type { CellInfo } from "../context.ts";
import { mint } from "../v1/keys/mint.ts";
import { cellAttribution, operatorKey } from "./bootstrap.ts";
import { ROOT_KEY_FILE, rootSecret } from "./home.ts";

export type NoOperatorKey = { reason: "no_cell" } | { reason: "no_tenant" } | { reason: "ledger_halted" };

/** No snapshot is active while the cell stands still. */
const NO_SNAPSHOT = "none";

/**
 * A new key of the cell's operators, in the home of a cell that does not run: whoever has its disk can always get in. It
 * works from the next start on; the tenant's ledger has it from here on. Throws `HomeLocked` while the cell runs.
 */
export async function makeOperatorKey(
  home: string,
  tenant: TenantId,
  cell: Pick<CellInfo, "id" | "region" | "release">,
): Promise<Result<string, NoOperatorKey>> {
  if (!existsSync(join(home, ROOT_KEY_FILE))) return err({ reason: "no_cell" });
  const path = objectPath(objectFolder(home, "tenant"), tenant);
  const lock = lockHome(home);
  try {
    if (!existsSync(path)) return err({ reason: "no_tenant" });
    const ids = randomIds(systemClock);
    const keyring = await secretKeyring([rootSecret(home, ids.bytes)], systemClock);
    const minted = mint({ ids, keyring, cell }, tenant);
    const granted = await granting(path, cell, operatorKey(minted, "operator, made at the machine"));
    return granted.ok ? ok(minted.text) : granted;
  } finally {
    lock.release();
  }
}

/** In the tenant's own file; durable before it resolves. What is due then is indexed when the cell opens the tenant. */
async function granting(
  path: string,
  cell: Parameters<typeof cellAttribution>[0],
  key: Omit<NewKey, "cell_operator">,
): Promise<Result<null, NoOperatorKey>> {
  const file = new SqliteFile(path, { files: hostFiles, foldersChanged: [], recover: false, checkpoints: "owner" });
  try {
    if (!isProvisioned(file.sql)) return err({ reason: "no_tenant" });
    if (migrate(file.sql, TENANT_MIGRATIONS)) file.wrote();
    const env = { now: systemClock.now(), mint: () => randomIds(systemClock).base62(26) };
    file.sql.enter();
    const granted = grantOperator(file.sql, env, cellAttribution(cell, NO_SNAPSHOT, "operator-key"), key);
    file.commit();
    await file.durable();
    if (granted.ok) return ok(null);
    if (granted.error.reason === "ledger_halted") return err({ reason: "ledger_halted" });
    throw new Error(`an operator's key was refused: ${granted.error.reason}`);
  } finally {
    await file.close();
  }
}
