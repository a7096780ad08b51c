import type { TenantId } from "../../../shared/contracts/ids.ts";
import type { Attribution } from "../../../shared/contracts/ledger.ts";
import type { CellStore } from "../../../shared/contracts/ports/cell-store.ts";
import type { Clock, Ids } from "../../../shared/contracts/ports/clock.ts";
import type { Keyring } from "../../../shared/contracts/ports/keyring.ts";
import type { ObjectStore } from "../../../shared/contracts/ports/object-store.ts";
import type { Signer } from "../../../shared/contracts/ports/signer.ts";
import type { MoveRefusal } from "../../../shared/contracts/ports/tenant-moves.ts";
import { err, type Result } from "../../../shared/contracts/result.ts";
import type { MovedClass, RowsCursor, TableRows, TenantMove } from "../../../shared/contracts/tenant-move.ts";
import type { DirectoryView } from "../../pipeline/locate/directory-view.ts";

/** Rows of the control database that a tenant's scopes are. */
export interface MovedScopes {
  workspaces: Record<string, string | number>[];
  projects: Record<string, string | number>[];
  environments: Record<string, string | number>[];
}

/** The durable objects of one tenant, for whoever copies them. Each call is one atomic step of one object. */
export interface MovedObjects {
  schemas(): Record<MovedClass, number>;
  leave(
    tenant: TenantId,
    move: Pick<TenantMove, "id" | "from" | "to">,
    by: Attribution,
  ): Promise<Result<TenantMove, MoveRefusal>>;
  state(tenant: TenantId): Promise<Result<TenantMove | null, MoveRefusal>>;
  /** Refused while a task is open, a batch is not at its end or an entry is not published. */
  freeze(tenant: TenantId): Promise<Result<FrozenTenant, MoveRefusal>>;
  noteArchive(tenant: TenantId, id: string, manifest: string): Promise<Result<null, MoveRefusal>>;
  stay(tenant: TenantId, by: Attribution): Promise<Result<null, MoveRefusal>>;
  release(
    tenant: TenantId,
    manifest: string,
  ): Promise<Result<TenantMove & { size: number; root: string }, MoveRefusal>>;
  /** Every object of the tenant but its own. */
  names(tenant: TenantId): Promise<{ class: MovedClass; name: string }[]>;
  /** Null where the object is not there (any more). */
  dump(
    object: { class: MovedClass; name: string },
    cursor: RowsCursor | null,
    bytesMax: number,
  ): Promise<{ tables: TableRows[]; next: RowsCursor | null } | null>;
  arrive(
    tenant: TenantId,
    move: Pick<TenantMove, "id" | "from" | "to"> & { manifest: string },
  ): Promise<Result<{ applied: number }, MoveRefusal>>;
  /** Rows of the tenant's own object, and that everything else of the part is written. */
  writePart(tenant: TenantId, part: number, tables: TableRows[], dataKey: string): Promise<Result<null, MoveRefusal>>;
  /** Rows of another object of the tenant; `begin`: what is there of it goes first. */
  place(
    object: { class: MovedClass; name: string },
    tables: TableRows[],
    begin: boolean,
  ): Promise<Result<null, MoveRefusal>>;
  holdsEntries(tenant: TenantId, first: number, texts: string[]): Promise<boolean>;
  complete(tenant: TenantId, log: { size: number; root: string }): Promise<Result<TenantMove, MoveRefusal>>;
  settleIn(
    tenant: TenantId,
    receipt: { move: string; from: string; to: string; manifest: string; size: number; root: string; version: number },
    by: Attribution,
  ): Promise<Result<null, MoveRefusal>>;
  discard(tenant: TenantId): Promise<Result<null, MoveRefusal>>;
}

export interface FrozenTenant {
  move: TenantMove;
  origin: string;
  size: number;
  root: string;
  data_key: string;
}

/** What moving takes of a cell. */
export interface MovingParts {
  cell: { id: string; jurisdiction: string };
  clock: Clock;
  ids: Pick<Ids, "base62">;
  objects: MovedObjects;
  store: ObjectStore;
  /** What the keys of a tenant's ledger begin with, and its log's name. */
  logPrefix(tenant: string): string;
  logOrigin(tenant: string): string;
  /** How long what is archived stays locked; 0: not at all. */
  retentionDays: number;
  keyring: Pick<Keyring, "openDataKey" | "wrapDataKey">;
  signer: Signer;
  cellStore: Pick<CellStore, "system" | "registerTenant">;
  scopes: {
    /** `pending`: changes that the tenant's ledger was not told of yet. Null: the database does not answer. */
    read(tenant: TenantId): Promise<{ scopes: MovedScopes; pending: number } | null>;
    /** False: the database does not answer. */
    restore(tenant: TenantId, scopes: MovedScopes): Promise<boolean>;
  };
  directory(): DirectoryView | null;
}

/** The object store's folders of one tenant, besides its ledger's. */
export const contentPrefixes = (tenant: string): string[] => [`files/${tenant}/`, `batches/${tenant}/`];
export const stagePrefix = (tenant: string): string => `imports/${tenant}/`;

export const refused = (reason: MoveRefusal["reason"], detail: string, retryMs?: number) =>
  err<MoveRefusal>({ reason, detail, ...(retryMs === undefined ? {} : { retry_after_ms: retryMs }) });
