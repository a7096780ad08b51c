import type { PlanRefusal } from "../engine/evaluate.ts";

/**
 * Why an archive is no bundle that may be loaded, in the order in which it is looked at. `file` is a path inside the
 * archive, cut to 256 characters; `detail` is for whoever built the bundle.
 */
export type BundleRefusal =
  | { reason: "too_large"; limit: "archive_bytes" | "inflated_bytes" | "files" | "signature_bytes" }
  | { reason: "not_gzip" }
  | { reason: "archive_malformed"; detail: string }
  | { reason: "path_refused"; file: string }
  /** A link, device or any entry that is no file or directory. */
  | { reason: "entry_refused"; file: string }
  | { reason: "duplicate_file"; file: string }
  /** OPA's layout has no such file, or this engine does not run it (Wasm, YAML data, protobuf). */
  | { reason: "unsupported_file"; file: string }
  | { reason: "file_missing"; file: string }
  | { reason: "signature_missing" }
  | { reason: "signature_malformed"; detail: string }
  | { reason: "key_unknown"; key: string | null }
  /** The trusted key cannot verify by its own algorithm. */
  | { reason: "key_unusable"; key: string }
  /** The signature states another algorithm than the key is for. */
  | { reason: "algorithm_mismatch"; key: string }
  | { reason: "signature_invalid"; key: string }
  | { reason: "claims_malformed"; detail: string }
  | { reason: "file_unlisted"; file: string }
  | { reason: "listed_file_missing"; file: string }
  | { reason: "hash_algorithm"; file: string }
  | { reason: "hash_mismatch"; file: string }
  | { reason: "file_malformed"; file: string; detail: string }
  | { reason: "layer_mismatch" }
  | { reason: "tenant_mismatch" }
  | { reason: "revision_mismatch"; signed: number; manifest: string }
  | { reason: "contract_unsupported"; contract: string; supported: string }
  | { reason: "not_yet_valid" }
  | { reason: "expired" }
  | { reason: "roots_overlap"; roots: [string, string] }
  /** The root belongs to the cell's configuration, or is everything. */
  | { reason: "root_reserved"; root: string }
  | { reason: "outside_roots"; path: string }
  | { reason: "data_conflict"; file: string }
  | { reason: "plan_refused"; refusal: PlanRefusal }
  | { reason: "entrypoint_missing" };

/** Ends the opening of a bundle; `openBundle` turns it into its refusal. */
export class Refused extends Error {
  readonly refusal: BundleRefusal;
  constructor(refusal: BundleRefusal) {
    super(refusal.reason);
    this.refusal = refusal;
  }
}

export function refuse(refusal: BundleRefusal): never {
  throw new Refused(refusal);
}

/** A path as it may be shown. */
export const shown = (path: string): string => path.slice(0, 256);
