import { CELL_LOG, type LogParts } from "../../durable/runtime/log/parts.ts";
import type { LogFault } from "../../shared/contracts/log.ts";
import type { Clock } from "../../shared/contracts/ports/clock.ts";
import type { Egress } from "../../shared/contracts/ports/egress.ts";
import type { ObjectStore } from "../../shared/contracts/ports/object-store.ts";
import type { Signer } from "../../shared/contracts/ports/signer.ts";
import type { Metrics } from "../../shared/contracts/ports/telemetry.ts";
import type { S3ObjectStoreOptions } from "../adapters/object-store/s3-bucket.ts";
import type { BucketEnv } from "./ledger-env.ts";

/** What keys of a log's archive begin with. It never changes. */
export const logPrefix = (name: string): string => `ledger/${name}/`;

/** A tenant's log is named after the tenant, wherever it lives; the cell's own after the cell. */
export const logOrigin =
  (deployment: string, cell: string) =>
  (name: string): string =>
    name === CELL_LOG ? `${deployment}/${cell}/${CELL_LOG}` : `${deployment}/${name}`;

export interface LogHost {
  archive: ObjectStore;
  signer: Signer;
  deployment: string;
  cell: string;
  retentionDays: number;
  /** Null where the process has no metrics of its own. */
  metrics: Metrics | null;
  halted(name: string, fault: LogFault): void;
}

/** How logs are published. Gauges add up over the logs of this process. */
export function logParts(host: LogHost): LogParts {
  const unpublished = new Map<string, number>();
  const faults = new Map<string, LogFault>();
  const shown = (map: ReadonlyMap<string, unknown>, object: string) =>
    [...map.keys()].filter((name) => (name === CELL_LOG) === (object === "cell")).length;
  return {
    archive: host.archive,
    signer: host.signer,
    prefix: logPrefix,
    origin: logOrigin(host.deployment, host.cell),
    retention_days: () => host.retentionDays,
    onHalted(name, fault) {
      if (fault !== null && faults.get(name) !== fault) host.halted(name, fault);
      if (fault === null) faults.delete(name);
      else faults.set(name, fault);
      for (const object of ["tenant", "cell"])
        host.metrics?.set("bailiwick_ledger_halted", { object }, shown(faults, object));
    },
    onUnpublished(name, entries) {
      if (entries === 0) unpublished.delete(name);
      else unpublished.set(name, entries);
      const total = [...unpublished.values()].reduce((sum, waiting) => sum + waiting, 0);
      host.metrics?.set("bailiwick_ledger_unpublished_entries", {}, total);
    },
  };
}

/** The options of an S3 object store from what the environment says. */
export const s3Options = (
  bucket: BucketEnv,
  host: { jurisdiction: string; clock: Clock; egress: Pick<Egress, "operatorFetch"> },
): S3ObjectStoreOptions => ({
  ...host,
  bucket: bucket.bucket,
  region: bucket.region,
  pathStyle: bucket.pathStyle,
  versions: bucket.versions,
  credentials: async () => ({
    access_key_id: bucket.accessKeyId.reveal(),
    secret_access_key: bucket.secretAccessKey.reveal(),
  }),
  ...(bucket.endpoint === undefined ? {} : { endpoint: bucket.endpoint }),
  ...(bucket.kmsKey === undefined ? {} : { kmsKey: bucket.kmsKey }),
});
