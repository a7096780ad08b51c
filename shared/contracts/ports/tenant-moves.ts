import type { TenantId } from "../ids.ts";
import type { Attribution } from "../ledger.ts";
import type { Result } from "../result.ts";
import type { TenantMove } from "../tenant-move.ts";

/** Why a step of a move is refused; `detail` is one line for an operator, and names no content. */
export interface MoveRefusal {
  reason:
    | "unknown_tenant"
    /** It is on its way already, to or from another cell. */
    | "moving"
    /** It is not on its way from or to here. */
    | "not_moving"
    /** It was given up here: the move can only go on. */
    | "left"
    /** Calls of it still run, or a batch. */
    | "busy"
    /** Its newest entries are not published yet. */
    | "unpublished"
    | "ledger_halted"
    /** A tenant of its name lives here, or another archive of it is being written. */
    | "exists"
    /** The directory that is in force names another home, or there is none. */
    | "directory"
    /** Another cell, jurisdiction, deployment or schema than the archive's. */
    | "misplaced"
    /** A signature, a part, the key, or the log does not verify. */
    | "not_verified"
    /** Something that was being copied went away: the archive is to be made anew. */
    | "changed"
    /** This host cannot tell all of the tenant's conversations: some were begun before they were listed. */
    | "unlisted"
    /** Another call of the same move is at work. */
    | "in_progress"
    /** The control database does not answer. */
    | "unavailable";
  detail: string;
  retry_after_ms?: number;
}

/** One file of an archive: sealed parts in order, and the signed manifest at its end. */
export interface MovedFile {
  name: string;
  bytes: Uint8Array;
}

/** One file of an archive, as it is made. */
export interface ExportedFile {
  /** Null: nothing was found for this part so far; the same part is asked for again. */
  file: MovedFile | null;
  /** The file is the manifest, which is the archive's end. */
  last: boolean;
  /** Calls of objects and stores that it took: hosts bound those of one request. */
  steps: number;
}

export interface ImportState {
  move: TenantMove | null;
  /** SHA-256 of parts that are to be staged first. */
  missing: string[];
  /** Parts written, of so many. */
  applied: number;
  parts: number;
}

export interface ArchiveInput {
  /** The manifest's DSSE envelope. */
  manifest: string;
  /** `bailiwick-keys.json` of the old home, as the operator has it, and of every home that the log was published from. */
  keys: string;
  /** 32 bytes: what the archive is sealed with. */
  transfer_key: Uint8Array;
}

/**
 * Moves tenants between cells of one jurisdiction. A tenant is live in at most one: its new home takes it up only with a
 * receipt that the old one signs after it gave the tenant up durably, and each cell only under a directory that says so.
 * Every step may be repeated: what is done already is answered again. Rejects only if a store is unreachable.
 */
export interface TenantMoves {
  /** Old home: nothing is admitted any more. */
  leave(tenant: TenantId, to: string, by: Attribution): Promise<Result<TenantMove, MoveRefusal>>;
  /** Either home: where it stands; null: it is live here. */
  state(tenant: TenantId): Promise<Result<TenantMove | null, MoveRefusal>>;
  /** Old home: live again. New home: what was written of it is removed. */
  cancel(tenant: TenantId, by: Attribution): Promise<Result<null, MoveRefusal>>;
  /**
   * Old home: one file of its archive; the first freezes it, the last is the manifest. A part that was given out may be
   * asked for again, which makes it and all behind it anew: whoever lost an answer goes on with the part that they lack.
   */
  export(tenant: TenantId, transferKey: Uint8Array, part: number): Promise<Result<ExportedFile, MoveRefusal>>;
  /** Old home: gives it up for ever, once the directory names the new one. Answers the receipt's DSSE envelope. */
  release(tenant: TenantId, manifest: string, by: Attribution): Promise<Result<string, MoveRefusal>>;
  /** New home: keeps a part until it is written. `sha256` is of `bytes`. */
  stage(tenant: TenantId, sha256: string, bytes: Uint8Array): Promise<Result<null, MoveRefusal>>;
  /** New home: verifies and writes as much as some seconds allow. */
  import(tenant: TenantId, archive: ArchiveInput): Promise<Result<ImportState, MoveRefusal>>;
  /** New home: live from here on. */
  activate(
    tenant: TenantId,
    input: { receipt: string; keys: string },
    by: Attribution,
  ): Promise<Result<null, MoveRefusal>>;
}
