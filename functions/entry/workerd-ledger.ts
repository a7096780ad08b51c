import type { LogParts } from "../../durable/runtime/log/parts.ts";
import type { CellStore } from "../../shared/contracts/ports/cell-store.ts";
import type { ObjectStore } from "../../shared/contracts/ports/object-store.ts";
import type { Signer } from "../../shared/contracts/ports/signer.ts";
import { systemClock } from "../adapters/clock/system.ts";
import { r2ObjectStore } from "../adapters/object-store/r2.ts";
import { recordedSigner } from "../adapters/signer/recorded.ts";
import { remoteSigner } from "../adapters/signer/remote.ts";
import { logParts } from "./ledger.ts";
import type { WorkerdEnv } from "./workerd-env.ts";

/** Null without a bucket. */
export const archiveOf = (env: WorkerdEnv): ObjectStore | null =>
  env.ARCHIVE === undefined
    ? null
    : r2ObjectStore({
        bucket: env.ARCHIVE,
        jurisdiction: env.BAILIWICK_JURISDICTION,
        locked: env.BAILIWICK_ARCHIVE_LOCKED === "true",
        clock: systemClock,
      });

/** Null without the signer's service. With `ledger`, that names each key before a signature is given out. */
export function ledgerSignerOf(env: WorkerdEnv, ledger: Pick<CellStore, "system"> | null): Signer | null {
  if (env.SIGNER === undefined) return null;
  const signer = remoteSigner(env.SIGNER, systemClock);
  return ledger === null ? signer : recordedSigner({ signer, ledger, clock: systemClock });
}

/** How an object publishes its log; null where the cell has no archive or no keys, and entries wait in their object. */
export function logPartsOf(env: WorkerdEnv, ledger: Pick<CellStore, "system"> | null): LogParts | null {
  const archive = archiveOf(env);
  const signer = ledgerSignerOf(env, ledger);
  if (archive === null || signer === null) return null;
  return logParts({
    archive,
    signer,
    deployment: env.BAILIWICK_LEDGER_ORIGIN,
    cell: env.BAILIWICK_CELL,
    retentionDays: env.BAILIWICK_LEDGER_RETENTION_DAYS,
    metrics: null,
    halted: (log, fault) =>
      console.error(JSON.stringify({ level: "error", event: "ledger.halted", cell: env.BAILIWICK_CELL, log, fault })),
  });
}
