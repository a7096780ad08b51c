import type { ControlDb } from "../../shared/contracts/ports/control-db.ts";
import type { ObjectStore } from "../../shared/contracts/ports/object-store.ts";
import type { Signer } from "../../shared/contracts/ports/signer.ts";
import { controlRepository } from "../adapters/control-db/repository.ts";
import { finishCalledOff } from "../cells/moving/called-off.ts";
import type { MovingParts } from "../cells/moving/parts.ts";
import { tenantMoves } from "../cells/moving/tenant-moves.ts";
import type { DirectoryView } from "../pipeline/locate/directory-view.ts";
import type { HostParts } from "./compose.ts";
import type { Degradation } from "./degradation.ts";
import { dependenciesOf } from "./dependencies.ts";
import { logOrigin, logPrefix } from "./ledger.ts";

type Given =
  | "cell"
  | "version"
  | "clock"
  | "ids"
  | "egress"
  | "telemetry"
  | "config"
  | "readSecret"
  | "lifecycle"
  | "defer"
  | "preauth"
  | "cellStore"
  | "keyring";

/** What a host has by itself, be it a process or an isolate. */
export interface CellHost extends Pick<HostParts, Given> {
  db: ControlDb;
  degradation: Degradation;
  directory: { current(): DirectoryView | null } | null;
  forwardingKeys: NonNullable<HostParts["forwardingKeys"]>;
}

/** What follows from it for the cell that it composes, the same on every host. */
export function cellParts({ db, degradation, directory, ...host }: CellHost) {
  return {
    ...host,
    control: controlRepository({ db, clock: host.clock }),
    controlDb: db,
    dependencies: dependenciesOf({ db, config: host.config, cellStore: host.cellStore }),
    degraded: () => degradation.names(),
    directory: () => directory?.current() ?? null,
  };
}

/** Where ledgers are published, of a host that has the objects; without archive or signer nothing is, and none moves. */
export interface LedgerHost extends Pick<MovingParts, "objects" | "scopes" | "retentionDays"> {
  archive: ObjectStore | null;
  signer: Signer | null;
  origin: string;
}

/** Evidence and moves, for a host with its own objects. */
export function ledgerParts(
  { cell, clock, ids, keyring, cellStore, directory }: ReturnType<typeof cellParts>,
  { archive, signer, origin, ...moved }: LedgerHost,
) {
  const moves =
    archive === null || signer === null
      ? null
      : tenantMoves({
          ...{ cell, clock, ids, keyring, cellStore, directory, signer, logPrefix, store: archive },
          logOrigin: logOrigin(origin, cell.id),
          ...moved,
        });
  /** Goes on with imports that were called off and cut off there. */
  const tidyMoves = async () => {
    if (moves !== null && archive !== null) await finishCalledOff({ objects: moved.objects, store: archive });
  };
  return { archive, signer, moves, tidyMoves, ledgerOrigin: origin, logPrefix };
}
