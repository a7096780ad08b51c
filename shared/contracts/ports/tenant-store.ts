import type { KeyPage, KeyRecord, KeyView, NewKey } from "../api-key.ts";
import type { PrivacyMode } from "../decision.ts";
import type { BudgetId, CredentialRef, DecisionId, KeyId, NanoUsd, TaskId, TenantId, UnixMs } from "../ids.ts";
import type { JsonObject } from "../json.ts";
import type { Attribution, LedgerEntry, LedgerKind } from "../ledger.ts";
import type { EvidencePending, LogPeriod, LogState, TaskProof } from "../log.ts";
import type { ObligationOutcome } from "../policy/obligations.ts";
import type { Result } from "../result.ts";
import type { RouteRecord, TaskError, TaskRecord, TaskStatus } from "../task.ts";
import type { TenantMove } from "../tenant-move.ts";
import type { UsageRow } from "../usage.ts";
import type { WorkspacePin, WorkspacePins } from "../workspace-pin.ts";
import type { ApprovalStore } from "./approval-store.ts";
import type { ContentStore, KeptSession, SubjectKey, SubjectKeyWanted } from "./content-store.ts";
import type { PolicyKeyStore } from "./policy-key-store.ts";

export type { KeyPage, KeyRecord, KeyView, NewKey } from "../api-key.ts";

/** What an edge decided on. `admit` compares them, so a stale edge cache never honours a revoked key. */
export interface Versions {
  /** Version of the credential row; 0 for callers without an API key. */
  credential: number;
  /** Version of the tenant's settings, suspension and lock. */
  state: number;
  /** Version of the tenant's active policy. */
  policy: number;
}

/** Proof that a caller was authenticated against current state; reads and control calls pass it instead of `admit`. */
export interface Access {
  kid: KeyId | null;
  versions: Versions;
}

export interface TenantSettings {
  name: string;
  privacy: PrivacyMode;
  /** `store`: sessions and stored responses are kept (sealed); `none`: `store` is answered `false`. */
  content: "none" | "store";
  transit: "refused" | "allowed";
}

export interface TenantState {
  id: TenantId;
  settings: TenantSettings;
  /** Also while it moves: whoever works without a caller leaves it alone. */
  suspended: boolean;
  locked: boolean;
  /** Workspaces that are held to less than their tenant; absent where none is. */
  pins?: WorkspacePins;
  /** It is not live here; absent while it is. */
  move?: Pick<TenantMove, "phase" | "to">;
  created_ms: UnixMs;
  versions: { state: number; policy: number };
  /** The tenant's data key, wrapped by the cell's Keyring (base64url). */
  data_key: string;
}

export interface BudgetRecord {
  id: BudgetId;
  /** Which calls count: `null` members match everything. */
  scope: { workspace: string | null; project: string | null; environment: string | null; kid: KeyId | null };
  period: "day" | "month" | "total";
  limit_nusd: NanoUsd;
  /** A hard budget refuses; a soft one only warns (header, event, metric). */
  hard: boolean;
  version: number;
  created_ms: UnixMs;
}
/** `spent` and `held` are those of the current period. */
export type BudgetView = BudgetRecord & { spent_nusd: NanoUsd; held_nusd: NanoUsd; resets_ms: UnixMs | null };

/** A provider key that the tenant brought; `sealed` opens only in the engine adapter, for one call. */
export interface ProviderCredential {
  ref: CredentialRef;
  provider: string;
  name: string;
  /** Base64url of the sealed secret. */
  sealed: string;
  created_ms: UnixMs;
}

/** One token bucket that a call draws from; `id` distinguishes buckets of one dimension. */
export interface RateBucket {
  dimension: "key" | "user" | "user-second" | "workspace" | "tenant";
  id: string;
  unit: "requests" | "tokens";
  /** Refill per `per_ms`; the bucket holds at most `burst`. */
  limit: number;
  per_ms: number;
  burst: number;
}
export interface RateState {
  dimension: RateBucket["dimension"];
  unit: RateBucket["unit"];
  limit: number;
  remaining: number;
  /** Milliseconds until the bucket is full again. */
  reset_ms: number;
}

export interface IdempotencyClaim {
  /** First 128 bits, hex, of a hash over credential owner, operation and key. */
  key_hash: string;
  /** First 128 bits, hex, of an HMAC over operation, canonical body and the headers that change meaning. */
  fingerprint: string;
}

/** A decision as the edge hands it over: `record` is JSON text of a `DecisionRecord`, at most `decisionRecordBytesMax`. */
export interface RecordedDecision {
  id: DecisionId;
  record: string;
  /** How the obligations ended that were carried out by then. */
  obligations?: readonly ObligationOutcome[];
}
/** A decision that is still kept, with what became of it. */
export interface KeptDecision extends Omit<RecordedDecision, "obligations"> {
  /** Null until its task was settled with any, or it was kept with some. */
  obligations: ObligationOutcome[] | null;
  /** What was decided later for the same task: fallback hops and the like. */
  further: DecisionId[];
}

export interface AdmitRequest {
  schema_version: 1;
  task: TaskId;
  /** Operation id, e.g. `chat.completions.create`. */
  operation: string;
  action: string;
  access: Access;
  by: Attribution;
  deadline: UnixMs;
  idempotency: IdempotencyClaim | null;
  rates: readonly RateBucket[];
  /** Upper bound of input plus output tokens: drawn from the token buckets, corrected at settlement. */
  tokens: number;
  hold_nusd: NanoUsd;
  intent: string | null;
  /** The alias that the caller asked for. */
  model: string | null;
  /** Commitment of the request and other digests for the ledger. Never content. */
  detail: JsonObject;
  /** Kept with the admission, among the last 4,096 of the tenant. */
  decision?: RecordedDecision;
  /** The call begins a conversation that is kept: as `beginContent`, in the same transaction. */
  subject_key?: SubjectKeyWanted;
  /** The call may keep more in a session that is there: as long as that is to live, it stays listed. */
  kept?: KeptSession;
}

export interface Admitted {
  kind: "admitted";
  admitted_ms: UnixMs;
  ledger_seq: number;
  rates: RateState[];
  /** Soft budgets that are exceeded. */
  warnings: BudgetId[];
  /** A hard budget counts this call: the engine must be held to what was reserved. */
  hard: boolean;
  data_key: string;
  /** Where one was wanted. */
  subject_key?: SubjectKey;
}
/** The key has finished before: nothing was run, charged or recorded but the replay. */
export interface Replay {
  kind: "replay";
  task: TaskId;
  data_key: string;
}
export type AdmitRefusal =
  | { reason: "unknown_tenant" }
  | { reason: "stale"; which: keyof Versions; current: Versions }
  | { reason: "unknown_credential" }
  /** Ledger and archive disagree: see `LogState.halted`. */
  | { reason: "ledger_halted"; retry_after_ms: number }
  | { reason: "suspended" }
  | { reason: "locked" }
  | { reason: "key_reused" }
  | { reason: "in_progress"; task: TaskId; retry_after_ms: number }
  | { reason: "result_expired"; task: TaskId }
  | { reason: "outcome_unknown"; task: TaskId }
  /** A task is begun again whose subject was erased since, and content was to be kept for the subject. */
  | { reason: "erased" }
  | { reason: "rate_limited"; state: RateState; retry_after_ms: number }
  | { reason: "budget_exhausted"; budget: BudgetId; retry_after_ms: number | null }
  | { reason: "overloaded"; retry_after_ms: number };
export type AdmitOutcome = Result<Admitted | Replay, AdmitRefusal>;

export interface SettleRequest {
  schema_version: 1;
  task: TaskId;
  by: Attribution;
  status: TaskStatus;
  error: TaskError | null;
  usage: readonly UsageRow[];
  cost_nusd: NanoUsd;
  /** True when the meter's bound was charged because the engine told no usage. */
  estimated: boolean;
  route: RouteRecord | null;
  /**
   * Whether a sealed result was stored under the task for its idempotency key. `not_run`: execution never began, so the
   * key is free for another try. After `none` and `too_large` a repeated key answers `result_expired`.
   */
  result: "stored" | "none" | "too_large" | "not_run";
  detail: JsonObject;
  /** How each obligation of the task's decisions ended; in the closed record and with the decision that `by` names. */
  obligations?: readonly ObligationOutcome[];
  /** Decided later for the same task (fallback hops); at most `decisionsPerTaskMax`. */
  decisions?: readonly RecordedDecision[];
}
export type SettleRefusal = { reason: "unknown_tenant" } | { reason: "unknown_task" } | { reason: "already_settled" };
export interface Settled {
  ledger_seq: number;
  /** True when the alarm had already closed the task and this settle became a correction. */
  corrected: boolean;
}
export type SettleOutcome = Result<Settled, SettleRefusal>;

/** A refusal of an authenticated caller: one call, one entry; repeats within 10 s coalesce into one with a count. */
export interface Refusal {
  by: Attribution;
  task: TaskId;
  action: string;
  reason: string;
  /** Kept among the last 4,096 of the tenant; not coalesced. */
  decision?: RecordedDecision;
}

export interface UsageQuery {
  /** Inclusive and exclusive UTC days, `YYYY-MM-DD`. */
  from: string;
  to: string;
  group_by: ("day" | "model" | "workspace" | "key")[];
  workspace: string | null;
  limit: number;
  /** Rows to skip: groups are ordered by their members. */
  offset: number;
}
export interface UsageGroup {
  day: string | null;
  model: string | null;
  workspace: string | null;
  key: string | null;
  requests: number;
  tokens_in: number;
  tokens_out: number;
  tokens_cached: number;
  cost_nusd: NanoUsd;
}

/** A row of a durable object's outbox: delivered at least once, in order of `seq`. */
export interface OutboxRow {
  seq: number;
  /** CloudEvents `type`, e.g. `bailiwick.tasks.lifecycle.v1`. */
  type: string;
  subject: string;
  at_ms: UnixMs;
  data: JsonObject;
}

export type AccessRefusal =
  | { reason: "unknown_tenant" }
  | { reason: "unknown_credential" }
  | { reason: "stale"; which: keyof Versions; current: Versions };
/** A change of the control plane: what is done, by whom, under which access. Ledgered in the same transaction. */
export interface Change {
  access: Access;
  by: Attribution;
  /** Who else has the caller's credential in their hands, as `KeyRecord.made_by` says; absent: nobody. */
  made_by?: readonly string[];
}
export type ChangeRefusal =
  | AccessRefusal
  | { reason: "ledger_halted"; retry_after_ms: number }
  | { reason: "suspended" }
  | { reason: "locked" };

/** Something that happened elsewhere, as the ledger is told of it; one entry for each `dedupe`. */
export interface Recorded {
  kind: LedgerKind;
  outcome?: LedgerEntry["outcome"];
  action: string;
  by: Attribution;
  detail: JsonObject;
  dedupe: string;
  /**
   * Of what only begins: the `dedupe` of the entry that will say how it ended. If none comes within `recordEndMsMax`, the
   * object appends one itself, with the error `outcome_unknown`; one that comes later is appended all the same.
   */
  ended_by?: string;
}

/**
 * One tenant's credentials, budgets, admission and ledger. One writer per tenant: calls are serialisable within a
 * tenant, unordered across tenants. Every call is one transaction and durable before it resolves; it rejects only if
 * the store is unreachable, and then nothing is known. Calls to a tenant that was never provisioned write nothing.
 */
export interface TenantStore extends ApprovalStore, ContentStore, PolicyKeyStore {
  /** Creates the tenant with its first keys. Repeating the same call is a no-op that answers `exists`. */
  provision(tenant: TenantId, spec: ProvisionTenant): Promise<Result<TenantState, { reason: "exists" }>>;
  /** State, and the key if one is named. The edge compares digests itself, in constant time. */
  lookup(
    tenant: TenantId,
    kid: KeyId | null,
  ): Promise<Result<{ state: TenantState; key: KeyRecord | null }, { reason: "unknown_tenant" }>>;
  /** At most 64 requests; each is admitted or refused on its own, in order. */
  admit(tenant: TenantId, requests: readonly AdmitRequest[]): Promise<AdmitOutcome[]>;
  /** Idempotent by task id: a second settle of the same task answers `already_settled`, a late one corrects once. */
  settle(tenant: TenantId, requests: readonly SettleRequest[]): Promise<SettleOutcome[]>;
  refuse(tenant: TenantId, access: Access, refusal: Refusal): Promise<Result<null, AccessRefusal>>;
  task(
    tenant: TenantId,
    access: Access,
    task: TaskId,
  ): Promise<Result<TaskRecord, AccessRefusal | { reason: "not_found" }>>;
  usage(tenant: TenantId, access: Access, query: UsageQuery): Promise<Result<UsageGroup[], AccessRefusal>>;
  /**
   * Keeps the decision that let a change through, or a read that it obliged to something, so that it can be explained as
   * those of calls and refusals can. One that is kept already gets the outcomes that are told now.
   */
  keepDecision(tenant: TenantId, access: Access, decision: RecordedDecision): Promise<Result<null, AccessRefusal>>;
  /** One of the last 4,096 decisions that admitted or refused a call, or was made on its way. */
  decision(
    tenant: TenantId,
    access: Access,
    id: DecisionId,
  ): Promise<Result<KeptDecision, AccessRefusal | { reason: "not_found" }>>;
  /** Newest first, at most `simulationInputsMax`. `before`: the decision that ended the previous page. */
  decisions(
    tenant: TenantId,
    access: Access,
    page: { limit: number; before: DecisionId | null },
  ): Promise<Result<{ decisions: KeptDecision[]; more: boolean }, AccessRefusal>>;

  change(tenant: TenantId, change: Change, patch: TenantPatch): Promise<Result<TenantState, ChangeRefusal>>;
  createKey(
    tenant: TenantId,
    change: Change,
    key: NewKey,
  ): Promise<Result<KeyView, ChangeRefusal | { reason: "limit" } | { reason: "exists" }>>;
  /** `successor` takes the old key's name, scopes and roles; the old one expires after `overlap_ms`. */
  rotateKey(
    tenant: TenantId,
    change: Change,
    kid: KeyId,
    successor: { kid: KeyId; digest: string; overlap_ms: number },
  ): Promise<Result<KeyView, ChangeRefusal | { reason: "not_found" } | { reason: "revoked" } | { reason: "limit" }>>;
  /**
   * Durable before it resolves: the next call with this key is refused. Revoking twice is a no-op. `last_key`: nobody could
   * make another one afterwards.
   */
  revokeKey(
    tenant: TenantId,
    change: Change,
    kid: KeyId,
  ): Promise<Result<KeyView, ChangeRefusal | { reason: "not_found" } | { reason: "last_key" }>>;
  /** `after`: the kid that ended the previous page. Ordered by creation. */
  listKeys(
    tenant: TenantId,
    access: Access,
    page: { after: string | null; limit: number },
  ): Promise<Result<KeyPage, AccessRefusal>>;
  putBudget(
    tenant: TenantId,
    change: Change,
    budget: Omit<BudgetRecord, "version" | "created_ms">,
    expected_version: number | null,
  ): Promise<Result<BudgetView, ChangeRefusal | { reason: "limit" } | { reason: "version_conflict" }>>;
  deleteBudget(
    tenant: TenantId,
    change: Change,
    budget: BudgetId,
  ): Promise<Result<null, ChangeRefusal | { reason: "not_found" }>>;
  listBudgets(tenant: TenantId, access: Access): Promise<Result<BudgetView[], AccessRefusal>>;
  putCredential(
    tenant: TenantId,
    change: Change,
    credential: Omit<ProviderCredential, "created_ms">,
  ): Promise<Result<Omit<ProviderCredential, "sealed">, ChangeRefusal | { reason: "limit" }>>;
  deleteCredential(
    tenant: TenantId,
    change: Change,
    ref: CredentialRef,
  ): Promise<Result<null, ChangeRefusal | { reason: "not_found" }>>;
  listCredentials(
    tenant: TenantId,
    access: Access,
  ): Promise<Result<Omit<ProviderCredential, "sealed">[], AccessRefusal>>;
  /** The sealed secret, for one engine call. */
  credential(
    tenant: TenantId,
    access: Access,
    ref: CredentialRef,
  ): Promise<Result<ProviderCredential, AccessRefusal | { reason: "not_found" }>>;
  /**
   * Appends one entry for something that happened elsewhere (Postgres control rows, sessions). Idempotent by `dedupe`.
   * `pending`: it begins; another entry tells how it ended.
   */
  record(tenant: TenantId, entry: Recorded): Promise<Result<{ seq: number }, { reason: "unknown_tenant" }>>;
  /** The log as it stands. */
  log(tenant: TenantId, access: Access): Promise<Result<LogState, AccessRefusal>>;
  /**
   * Every entry of one task with its inclusion in the newest checkpoint. `pending` while an entry is not published: the
   * publication has been asked for.
   */
  proof(
    tenant: TenantId,
    access: Access,
    task: TaskId,
  ): Promise<Result<TaskProof, AccessRefusal | EvidencePending | { reason: "not_found" }>>;
  /** The run of published entries whose `at` lies in `[from_ms, to_ms)`, by binary search. */
  period(
    tenant: TenantId,
    access: Access,
    period: { from_ms: number; to_ms: number },
  ): Promise<Result<LogPeriod, AccessRefusal>>;
  /** Ledger entries from `from`, in order. */
  ledger(
    tenant: TenantId,
    access: Access,
    page: { from: number; limit: number },
  ): Promise<Result<{ entries: LedgerEntry[]; size: number; head: string }, AccessRefusal>>;
}

export interface ProvisionTenant {
  settings: TenantSettings;
  data_key: string;
  keys: NewKey[];
  budgets: Omit<BudgetRecord, "version" | "created_ms">[];
  by: Attribution;
}
/** `pin`: of one workspace; null takes it away. At most `LIMITS.pinsPerTenantMax`. */
export type TenantPatch = Partial<TenantSettings> & {
  suspended?: boolean;
  locked?: boolean;
  pin?: { workspace: string; to: WorkspacePin | null };
};
