import type { LogFault } from "../../../shared/contracts/log.ts";
import type { ObjectStore } from "../../../shared/contracts/ports/object-store.ts";
import type { Signer } from "../../../shared/contracts/ports/signer.ts";

/** How much is kept and done at once; tests make them small. */
export interface LogBounds {
  /** Newest rows that stay in the object; see `LIMITS.logRowsKept`. */
  rows_kept: number;
  /** Entries that one publication adds at most. */
  turn_entries_max: number;
  /** Rows that one step reads, hashes or deletes at most. */
  step_rows_max: number;
}

/**
 * What publishing needs and only the entry knows. `name` is the tenant's id, or `_cell` for the cell's own log. The two
 * notices repeat with every check, so that gauges are right again after a restart.
 */
export interface LogParts {
  readonly archive: ObjectStore;
  readonly signer: Signer;
  /** What keys of this log begin with. Must never change. */
  prefix(name: string): string;
  /** The log's name in its checkpoints; taken once, at its first check, and kept. */
  origin(name: string): string;
  /** How long full tiles, bundles and checkpoints are locked; 0: not at all. */
  retention_days(): number;
  /** Null: the log is not, or no longer, halted. */
  onHalted(name: string, fault: LogFault | null): void;
  /** Entries of this log that no published checkpoint covers. */
  onUnpublished(name: string, entries: number): void;
  readonly bounds?: Partial<LogBounds>;
}

/** Name of the cell's own log; no tenant can be called so. */
export const CELL_LOG = "_cell";
