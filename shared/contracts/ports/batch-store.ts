import type { BatchId, FileId, TenantId, UnixMs } from "../ids.ts";
import type { Result } from "../result.ts";

/** OpenAI's purposes that a file may be uploaded for, and the one of files that batches write. */
export const UPLOAD_PURPOSES = ["batch", "user_data", "assistants", "fine-tune", "vision", "evals"] as const;
export const FILE_PURPOSES = [...UPLOAD_PURPOSES, "batch_output"] as const;
export type FilePurpose = (typeof FILE_PURPOSES)[number];

/** A file whose content lies sealed in the object store. */
export interface FileRecord {
  id: FileId;
  workspace: string;
  purpose: FilePurpose;
  /** Bytes of the content. */
  bytes: number;
  /** The sealed name, base64url; bound to the object `file/<id>/name`. */
  name: string;
  created_ms: UnixMs;
  expires_ms: UnixMs | null;
}

/** One page of a list, newest first unless `asc`; `after` ended the page before. `workspace` null: of every one. */
export interface ListQuery {
  workspace: string | null;
  after: string | null;
  limit: number;
  order: "asc" | "desc";
}

export const BATCH_STATUSES = [
  "validating",
  "failed",
  "in_progress",
  "finalizing",
  "completed",
  "expired",
  "cancelling",
  "cancelled",
] as const;
export type BatchStatus = (typeof BATCH_STATUSES)[number];

export interface BatchError {
  code: string;
  /** From 1; null where the file as a whole is meant. */
  line: number | null;
  message: string;
  param: string | null;
}

export interface BatchUsage {
  input_tokens: number;
  cached_tokens: number;
  output_tokens: number;
  reasoning_tokens: number;
}

export interface NewBatch {
  id: BatchId;
  workspace: string;
  endpoint: string;
  input_file: FileId;
  output_file: FileId;
  error_file: FileId;
  /** Sealed JSON of metadata and of whoever asked, bound to the object `batch/<id>/call`. */
  sealed: Uint8Array;
  expires_ms: UnixMs;
  /** How long the files that it writes are kept; null: until they are deleted. */
  output_life_ms: number | null;
}

/** Moments of a batch's life that it has come to. */
export type BatchTimes = Partial<Record<Exclude<BatchStatus, "validating">, UnixMs>>;

export interface BatchRecord extends NewBatch {
  status: BatchStatus;
  created_ms: UnixMs;
  times: BatchTimes;
  model: string | null;
  errors: BatchError[];
  counts: { total: number; completed: number; failed: number };
  usage: BatchUsage;
  /** Whether the file was written. */
  has_output: boolean;
  has_errors: boolean;
}

/** One line that is outside of its batch. */
export interface BatchLine {
  /** From 1. */
  line: number;
  offset: number;
  length: number;
  /** Tasks of it so far that were turned away before anything was done; names its next task. */
  attempt: number;
}

/** Where reading the input goes on. */
export interface BatchPlace {
  offset: number;
  /** The last line that was read. */
  line: number;
}

/** Who drives a batch now, and from where on. */
export interface BatchTurn {
  fence: number;
  batch: BatchRecord;
  /** What is read up to: of the validation, or of the dispatch. */
  place: BatchPlace;
  /** Whether every line was taken. */
  drained: boolean;
  lines: BatchLine[];
  /** Parts of its output and error files so far. */
  parts: { output: number; errors: number };
  /** The fence of each of them. Objects that are older than this do not tell it, and take parts without one. */
  written?: { output: number[]; errors: number[] };
}

/** Some results of a batch in the object store; fence 0: written before parts had one. */
export interface BatchPart {
  kind: "output" | "errors";
  part: number;
  fence: number;
}

export interface ValidatedLines {
  place: BatchPlace;
  /** 128 bits, hex, of a hash over each good line's custom id. */
  ids: { line: number; hash: string }[];
  errors: BatchError[];
  model: string | null;
  /** The whole file was read. */
  done: boolean;
}

export interface SettledLines {
  lines: { line: number; ok: boolean }[];
  usage: BatchUsage;
  /** Numbers that the parts have which hold these lines' results, if there are any; they were written before. */
  output: number | null;
  errors: number | null;
  /** Whether the parts are named with the fence under which they are settled. */
  fenced?: boolean;
}

export type BatchGone = { reason: "not_found" };
export type BatchFenced = { reason: "not_found" } | { reason: "fenced" };

/**
 * Files and batches of a tenant. One writer per tenant; durable before a call resolves. A file is visible from `keepFile`
 * to its deletion or expiry; content that is no file's (any more) is removed by the object itself.
 */
export interface BatchStore {
  /** Reserves the file's place. Its content is removed unless `keepFile` follows within `uploadMsMax`. */
  beginFile(tenant: TenantId, file: Pick<FileRecord, "id" | "workspace">): Promise<Result<null, { reason: "limit" }>>;
  /** Repeating it changes nothing. */
  keepFile(
    tenant: TenantId,
    file: FileId,
    kept: Pick<FileRecord, "purpose" | "bytes" | "name" | "expires_ms">,
  ): Promise<Result<FileRecord, BatchGone>>;
  file(tenant: TenantId, file: FileId): Promise<Result<FileRecord, BatchGone>>;
  files(
    tenant: TenantId,
    query: ListQuery & { purpose: FilePurpose | null },
  ): Promise<{ data: FileRecord[]; more: boolean }>;
  /** Gone at once; its content a moment later. */
  dropFile(tenant: TenantId, file: FileId): Promise<Result<null, BatchGone>>;

  /** Repeating it for the same id changes nothing. */
  createBatch(tenant: TenantId, batch: NewBatch): Promise<Result<BatchRecord, { reason: "limit" }>>;
  batch(tenant: TenantId, batch: BatchId): Promise<Result<BatchRecord, BatchGone>>;
  batches(tenant: TenantId, query: ListQuery): Promise<{ data: BatchRecord[]; more: boolean }>;
  /** `cancelling` until its lines have ended; one that has ended stays as it is. */
  cancelBatch(tenant: TenantId, batch: BatchId): Promise<Result<BatchRecord, BatchGone>>;

  /** Takes the batch for `life_ms` under a fence higher than any before; each write of the turn prolongs it. */
  leaseBatch(
    tenant: TenantId,
    batch: BatchId,
    lifeMs: number,
  ): Promise<Result<BatchTurn, BatchGone | { reason: "finished" } | { reason: "leased"; retry_after_ms: number }>>;
  /** Gives it back: somebody goes on with it after `retry_ms`. */
  releaseBatch(tenant: TenantId, batch: BatchId, fence: number, retryMs: number): Promise<Result<null, BatchFenced>>;
  /** Prolongs the lease and answers the batch as it stands. */
  renewBatch(tenant: TenantId, batch: BatchId, fence: number): Promise<Result<BatchRecord, BatchFenced>>;
  /** One step of the validation; the last one decides between `in_progress` and `failed`. */
  validated(
    tenant: TenantId,
    batch: BatchId,
    fence: number,
    step: ValidatedLines,
  ): Promise<Result<BatchRecord, BatchFenced>>;
  /** Lines are outside from here on, until they are settled. `done`: there are no more. */
  takeLines(
    tenant: TenantId,
    batch: BatchId,
    fence: number,
    taken: { place: BatchPlace; lines: Omit<BatchLine, "attempt">[]; done: boolean },
  ): Promise<Result<null, BatchFenced>>;
  /** The line's next task has another id; its last one did nothing. */
  retryLine(
    tenant: TenantId,
    batch: BatchId,
    fence: number,
    line: number,
  ): Promise<Result<{ attempt: number }, BatchFenced>>;
  /** Each line once; a line that is settled already is not counted again. */
  settleLines(
    tenant: TenantId,
    batch: BatchId,
    fence: number,
    settled: SettledLines,
  ): Promise<Result<BatchRecord, BatchFenced>>;
  /** Every line has ended: the files are put together. */
  finalizing(tenant: TenantId, batch: BatchId, fence: number): Promise<Result<BatchRecord, BatchFenced>>;
  /** The files are there: the batch has ended. */
  finishBatch(
    tenant: TenantId,
    batch: BatchId,
    fence: number,
    end: { has_output: boolean; has_errors: boolean },
  ): Promise<Result<BatchRecord, BatchFenced>>;
}

/** What the objects of files and batches need of the world. A rejection is tried again later. */
export interface BatchRunner {
  /** Goes on with a batch. May resolve once it has the lease. */
  turn(tenant: TenantId, batch: BatchId): Promise<void>;
  /** Removes content that belongs to no file, or the parts of a batch that has ended. */
  remove(tenant: TenantId, what: { file: FileId } | { parts_of: BatchId; parts: readonly BatchPart[] }): Promise<void>;
}

/** A runner that is there later; whoever calls it before waits. */
export const laterBatchRunner = (runner: () => Promise<BatchRunner>): BatchRunner => ({
  turn: async (tenant, batch) => (await runner()).turn(tenant, batch),
  remove: async (tenant, what) => (await runner()).remove(tenant, what),
});
