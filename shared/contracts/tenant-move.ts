import { z } from "zod";
import { JURISDICTIONS } from "./cell-directory.ts";
import { CellId, TenantId } from "./ids.ts";
import { LIMITS } from "./limits.ts";

/**
 * Where a tenant stands on its way to another cell. At its old home: `leaving` (nothing is admitted, what runs is
 * finished), `frozen` (nothing of it changes any more), `left` (for ever). At its new one: `arriving` (being written),
 * `arrived` (whole and verified, not live). A tenant without a phase is live, and in at most one cell.
 */
export const MOVE_PHASES = ["leaving", "frozen", "left", "arriving", "arrived"] as const;
export type MovePhase = (typeof MOVE_PHASES)[number];

/** Of one move; a second try of it is another one. */
export const MoveId = z.string().regex(/^[0-9A-Za-z]{26}$/);
/** SHA-256 of a part or of a manifest, in lower-case hex. */
export const Sha256Hex = z.string().regex(/^[0-9a-f]{64}$/);

export interface TenantMove {
  id: string;
  phase: MovePhase;
  /** Cells. */
  from: string;
  to: string;
  begun_ms: number;
  /** SHA-256 of the archive's manifest; null before there is one. */
  manifest: string | null;
}

/** What an archive says of the tenant it holds. */
export interface FrozenTenant {
  move: TenantMove;
  /** The log's name, its size, and its root there. */
  origin: string;
  size: number;
  root: string;
  /** Wrapped by the cell that it leaves. */
  data_key: string;
}

/** Schema levels of the objects that an archive holds rows of; both cells must be at the same. */
export const MOVED_CLASSES = ["tenant", "session", "task", "batch"] as const;
export type MovedClass = (typeof MOVED_CLASSES)[number];

/** Bytes stand as base64 in a list of one, which no other value is. */
const RowValue = z.union([z.string(), z.number(), z.null(), z.tuple([z.string()])]);
/** Rows of one table, as they travel between databases of one schema. */
export const TableRows = z.strictObject({
  table: z.string(),
  columns: z.array(z.string()).max(LIMITS.movedColumnsMax),
  rows: z.array(z.array(RowValue)),
});
export type TableRows = z.infer<typeof TableRows>;

/** An object of a tenant, named as its class names it. */
export interface MovedObject {
  class: MovedClass;
  name: string;
}

/** Where a dump of an object's rows goes on: behind this row of this table. */
export interface RowsCursor {
  table: string;
  after: (string | number | Uint8Array | null)[] | null;
}

export const MANIFEST_PREDICATE = "https://bailiwick.example.com/evidence/tenant-move/v1";
export const RECEIPT_PREDICATE = "https://bailiwick.example.com/evidence/tenant-release/v1";

const moved = {
  schema_version: z.literal(1),
  move: MoveId,
  tenant: TenantId,
  from: CellId,
  to: CellId,
  /** What the tenant's log ends with at its old home: its new one goes on from there. */
  log: z.strictObject({
    origin: z.string().max(512),
    size: z.int().min(1),
    root: z.string().max(64),
  }),
};

/** Predicate of the statement that an archive ends with; its subjects are the parts in order. */
export const ManifestPredicate = z.strictObject({
  ...moved,
  jurisdiction: z.enum(JURISDICTIONS),
  generated_at: z.iso.datetime(),
  schemas: z.strictObject({ tenant: z.int(), session: z.int(), task: z.int(), batch: z.int() }),
});
export type ManifestPredicate = z.infer<typeof ManifestPredicate>;

/** Predicate of the statement by which the old home gave the tenant up for ever. */
export const ReceiptPredicate = z.strictObject({
  ...moved,
  manifest: Sha256Hex,
  /** Version of the directory that the old home had in force, and that names the new one. */
  directory_version: z.int().min(1),
  released_at: z.iso.datetime(),
});
export type ReceiptPredicate = z.infer<typeof ReceiptPredicate>;
