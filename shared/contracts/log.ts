import type { UnixMs } from "./ids.ts";

/** What a published checkpoint says, with its two proofs of origin; `docs/ledger.md` has the formats. */
export interface PublishedCheckpoint {
  size: number;
  /** Base64 of the RFC 6962 root. */
  root: string;
  /** The signed note, verbatim. */
  note: string;
  /** The DSSE envelope over the note's text, signed with ML-DSA-65, as JSON text. */
  dsse: string;
  published_ms: UnixMs;
}

/** Why a log takes no further checkpoints: what the archive and this database disagree on. */
export const LOG_FAULTS = [
  /** The archive holds a checkpoint that is larger than the log. */
  "database_rewound",
  /** At the archive's newest checkpoint this log has another root. */
  "forked",
  /** A published checkpoint is not in the archive any more, or not the one that was published. */
  "checkpoint_replaced",
  /** A published tile is not in the archive any more. */
  "tile_missing",
  /** A published tile has other bytes than were published. */
  "tile_altered",
  /** What the archive holds as a checkpoint was signed by no key of this cell. */
  "checkpoint_unsigned",
] as const;
export type LogFault = (typeof LOG_FAULTS)[number];

/** One log as its object keeps it. */
export interface LogState {
  /** Names the tenant's log, not the cell. */
  origin: string;
  /** Entries written. */
  size: number;
  published: PublishedCheckpoint | null;
  /** While it stands, nothing is signed and the tenant's calls are not admitted. */
  halted: { fault: LogFault; detail: string; since_ms: UnixMs } | null;
  /** Entries below are in the archive only. */
  pruned: number;
}

/** One entry, its place, and its inclusion in a published checkpoint. */
export interface ProvenEntry {
  index: number;
  /** RFC 8785 text; its UTF-8 bytes are the leaf. */
  text: string;
  /** Base64 hashes, RFC 6962 §2.1.1 order. */
  proof: string[];
}

/** What the tenant's object knows of one task, proven against its newest published checkpoint. */
export interface TaskProof {
  origin: string;
  checkpoint: PublishedCheckpoint;
  entries: ProvenEntry[];
}

/** What a fresh publication depends on is not there yet. */
export interface EvidencePending {
  reason: "pending";
  retry_after_ms: number;
}

/** The entries of a period are one run of indices, because `at` never decreases. */
export interface LogPeriod {
  origin: string;
  checkpoint: PublishedCheckpoint | null;
  /** Where an entry of the period would stand when `count` is 0. */
  first: number;
  count: number;
  /** Entries of the period that are not published yet: the publication has been asked for. Null when all are. */
  pending: EvidencePending | null;
}
