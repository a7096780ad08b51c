/** Why something is not verified. Closed, so that whoever reads reports can count on the words. */
export const FAULT_REASONS = [
  // how it is written
  "malformed",
  "too_large",
  "too_many",
  "truncated",
  "tar_malformed",
  "not_a_file",
  "trailing_bytes",
  // who signed it
  "keys_missing",
  "keys_malformed",
  "signature_missing",
  "signature_duplicated",
  "signature_invalid",
  "key_unknown",
  "key_not_yet_valid",
  "key_expired",
  "key_revoked",
  "key_compromised",
  // what it says it is
  "payload_type_unknown",
  "statement_malformed",
  "predicate_type_unknown",
  "predicate_malformed",
  "schema_version_unknown",
  // the log
  "checkpoint_malformed",
  "text_differs",
  "origin_differs",
  "size_differs",
  "root_differs",
  "not_canonical",
  "entry_malformed",
  "subject_differs",
  "proof_invalid",
  "seq_differs",
  "tenant_differs",
  "order",
  "prev_differs",
  "time_reversed",
  "gap",
  "tile_missing",
  "tile_differs",
  "leaf_differs",
  // a task
  "task_differs",
  "opening_missing",
  "claim_differs",
  "commitment_differs",
  "salt_malformed",
  "commitment_not_opened",
  // an export or an archive
  "manifest_missing",
  "file_missing",
  "file_unlisted",
  "file_unexpected",
  "file_duplicated",
  "file_altered",
  "file_order",
  "border_missing",
  "border_wrong",
  "spans_differ",
] as const;
export type FaultReason = (typeof FAULT_REASONS)[number];

export interface Fault {
  reason: FaultReason;
  /** For people; never what a hostile file wants printed: see `shown`. */
  detail: string;
  /** Index of the first entry that is concerned. */
  index?: number;
}

export const fault = (reason: FaultReason, detail: string, index?: number): Fault =>
  index === undefined ? { reason, detail } : { reason, detail, index };

const SHOWN_CHARS_MAX = 96;

/** Text out of a file, safe for a terminal: printable ASCII in quotes, and short. */
export function shown(text: string): string {
  const cut = text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}…` : text;
  return JSON.stringify(cut).replace(/[^\x20-\x7e…]/g, "?");
}
