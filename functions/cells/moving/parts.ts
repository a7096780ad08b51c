import type { TenantId } from "../../../shared/contracts/ids.ts";
import type { Attribution } from "../../../shared/contracts/ledger.ts";
import type { CellStore } from "../../../shared/contracts/ports/cell-store.ts";
import type { Clock, Ids } from "../../../shared/contracts/ports/clock.ts";
import type { Keyring } from "../../../shared/contracts/ports/keyring.ts";
import type { ObjectStore } from "../../../shared/contracts/ports/object-store.ts";
import type { Signer } from "../../../shared/contracts/ports/signer.ts";
import type { MoveRefusal } from "../../../shared/contracts/ports/tenant-moves.ts";
import { err, type Result } from "../../../shared/contracts/result.ts";
import type {
  FrozenTenant,
  MovedClass,
  MovedObject,
  RowsCursor,
  TableRows,
  TenantMove,
} from "../../../shared/contracts/tenant-move.ts";
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
  /** Where a part of its archive begins; null: at the beginning of everything. */
  partBegins(tenant: TenantId, id: string, part: number): Promise<Result<{ position: string | null }, MoveRefusal>>;
  /** The part was made, and the next begins at `next`; `sha256` null: it is empty so far, and begins there itself. */
  notePart(
    tenant: TenantId,
    id: string,
    made: { part: number; sha256: string | null; next: string },
  ): Promise<Result<null, MoveRefusal>>;
  partDigests(tenant: TenantId, id: string, parts: number): Promise<Result<string[], MoveRefusal>>;
  /**
   * Every object that the tenant may have but its own, in one order, from behind `after` on; none: that was all. One that
   * is named and not there has no rows.
   */
  names(tenant: TenantId, after: MovedObject | null, limit: number): Promise<MovedObject[]>;
  /** Null where the object is not there (any more). */
  dump(
    object: MovedObject,
    cursor: RowsCursor | null,
    bytesMax: number,
  ): Promise<{ tables: TableRows[]; next: RowsCursor | null } | null>;
  arrive(
    tenant: TenantId,
    move: Pick<TenantMove, "id" | "from" | "to"> & { manifest: string },
  ): Promise<Result<{ applied: number }, MoveRefusal>>;
  /** Rows of the tenant's own object, and that everything else of the part is written. */
  writePart(tenant: TenantId, part: number, tables: TableRows[], dataKey: string): Promise<Result<null, MoveRefusal>>;
  /** Rows of another object of the tenant; what is there of any other archive goes first. */
  place(object: MovedObject, archive: string, tables: TableRows[]): Promise<Result<null, MoveRefusal>>;
  holdsEntries(tenant: TenantId, first: number, texts: string[]): Promise<boolean>;
  complete(tenant: TenantId, log: { size: number; root: string }): Promise<Result<TenantMove, MoveRefusal>>;
  settleIn(
    tenant: TenantId,
    receipt: { move: string; from: string; to: string; manifest: string; size: number; root: string; version: number },
    by: Attribution,
  ): Promise<Result<null, MoveRefusal>>;
  discard(tenant: TenantId): Promise<Result<null, MoveRefusal>>;
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
