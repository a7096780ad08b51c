import type { JsonObject } from "./json.ts";

/** Kinds of ledger entries. */
export const LEDGER_KINDS = [
  "tenant.provisioned",
  "tenant.changed",
  "tenant.leaving",
  "tenant.staying",
  "tenant.left",
  "tenant.arrived",
  "task.opened",
  "task.closed",
  "task.abandoned",
  "task.corrected",
  "call.refused",
  "key.created",
  "key.rotated",
  "key.revoked",
  "budget.changed",
  "budget.deleted",
  "credential.created",
  "credential.deleted",
  "config.changed",
  "approval.requested",
  "approval.approved",
  "approval.rejected",
  "approval.edited",
  "approval.expired",
  "approval.executed",
  "callback.ended",
  "policy.bundle_stored",
  "policy.activated",
  "policy.rolled_back",
  "policy.canary",
  "policy.key_registered",
  "policy.key_removed",
  "authentication.failed",
  "data.read",
  "data.changed",
  "data.erased",
  "ledger.halted",
  "ledger.resumed",
  "signing_key.added",
  "dead_letter.redriven",
  "dead_letter.purged",
] as const;
export type LedgerKind = (typeof LEDGER_KINDS)[number];

/** Where and by whom, given by the edge: the AU-3 content that the object cannot know itself. */
export interface Attribution {
  request: string;
  subject: string;
  credential: string;
  acr: string | null;
  workspace: string;
  project: string;
  environment: string;
  cell: string;
  /** Where the cell runs: its region, or its jurisdiction where it has no finer place. */
  region: string;
  /** Client address as the runtime saw it, or null. */
  source: string | null;
  /** `version+digest` of the running code. */
  release: string;
  /** Digest of the active configuration snapshot. */
  snapshot: string;
  decision: string | null;
  policy: string | null;
}

/**
 * One ledger entry, canonical JSON (RFC 8785) of at most 65,535 bytes. AU-3: what (`kind`, `detail`), when (`at`, UTC
 * milliseconds, never earlier than the entry before), where (`cell`, `region`, `source`), outcome, who (`subject`, `credential`, `acr`). Digests only, never content.
 */
export interface LedgerEntry extends Attribution {
  schema_version: 1;
  tenant: string;
  seq: number;
  at: string;
  kind: LedgerKind;
  outcome: "success" | "failure" | "pending";
  action: string;
  task: string | null;
  detail: JsonObject;
  /** Lower-case hex of the RFC 6962 leaf hash of the entry before; 64 zeros in the first. */
  prev: string;
}
