import type { BudgetId, KeyId, TaskId, UnixMs } from "../../shared/contracts/ids.ts";
import type { Attribution } from "../../shared/contracts/ledger.ts";
import { nanoUsd } from "../../shared/contracts/money.ts";
import type {
  Access,
  AdmitRequest,
  BudgetRecord,
  NewKey,
  ProvisionTenant,
  RateBucket,
  SettleRequest,
} from "../../shared/contracts/ports/tenant-store.ts";

// Every `as` here is safe because: ids and times are made in the shape that their brands stand for.

/** The key that every fixture tenant starts with. */
export const KID = "4kQ0Zt7bXw2N" as KeyId;
export const DIGEST = "ab".repeat(32);

/** Distinct, in order, and of the minted shape. */
export const taskId = (n: number): TaskId => `task_${n.toString(36).toUpperCase().padStart(26, "0")}` as TaskId;
export const budgetId = (n: number): BudgetId => `bud_${n.toString(36).toUpperCase().padStart(26, "0")}` as BudgetId;
export const kidOf = (n: number): KeyId => n.toString(36).toUpperCase().padStart(12, "k") as KeyId;
export const at = (ms: number): UnixMs => ms as UnixMs;

/** Access of the first key of a tenant that nobody has changed since. */
export const access = (over: Partial<Access> = {}): Access => ({
  kid: KID,
  versions: { credential: 1, state: 1, policy: 1 },
  ...over,
});

export const attribution = (over: Partial<Attribution> = {}): Attribution => ({
  request: "req_01JD0000000000000000000000",
  subject: "service:demo",
  credential: `key:${KID}`,
  acr: null,
  workspace: "default",
  project: "default",
  environment: "default",
  cell: "local",
  region: "local",
  source: "192.0.2.7",
  release: "0.1.0+sha256:4f1c",
  snapshot: `sha256:${"0".repeat(64)}`,
  decision: "dec_01JD0000000000000000000000",
  policy: `roles-v1:${"1".repeat(64)}`,
  ...over,
});

export const newKey = (over: Partial<NewKey> = {}): NewKey => ({
  kid: KID,
  digest: DIGEST,
  name: "first key",
  workspace: "default",
  project: "default",
  environment: "default",
  subject: "service:demo",
  kind: "service",
  roles: ["admin", "developer"],
  granted: ["*"],
  cell_operator: false,
  expires_ms: null,
  ...over,
});

export type NewBudget = Omit<BudgetRecord, "version" | "created_ms">;
export const budget = (over: Partial<NewBudget> = {}): NewBudget => ({
  id: budgetId(1),
  scope: { workspace: null, project: null, environment: null, kid: null },
  period: "day",
  limit_nusd: nanoUsd(1_000_000_000),
  hard: true,
  ...over,
});

export const provisionSpec = (over: Partial<ProvisionTenant> = {}): ProvisionTenant => ({
  settings: { name: "Example Ltd", privacy: "hybrid", content: "none", transit: "refused" },
  data_key: "d2VhcmVub3RhcmVhbGtleQ",
  keys: [newKey()],
  budgets: [],
  by: attribution(),
  ...over,
});

export const bucket = (over: Partial<RateBucket> = {}): RateBucket => ({
  dimension: "key",
  id: KID,
  unit: "requests",
  limit: 60,
  per_ms: 60_000,
  burst: 120,
  ...over,
});

export const admitRequest = (task: TaskId, nowMs: number, over: Partial<AdmitRequest> = {}): AdmitRequest => ({
  schema_version: 1,
  task,
  operation: "chat.completions.create",
  action: "inference:create",
  access: access(),
  by: attribution(),
  deadline: at(nowMs + 60_000),
  idempotency: null,
  rates: [],
  tokens: 1_200,
  hold_nusd: nanoUsd(2_000_000),
  intent: "chat",
  model: "chat-small",
  detail: { request: "5".repeat(64), salted: true },
  ...over,
});

export const settleRequest = (task: TaskId, over: Partial<SettleRequest> = {}): SettleRequest => ({
  schema_version: 1,
  task,
  by: attribution(),
  status: "OK",
  error: null,
  usage: [
    { meter: "tokens_in", quantity: 210 },
    { meter: "tokens_out", quantity: 80 },
  ],
  cost_nusd: nanoUsd(1_450_000),
  estimated: false,
  route: {
    route: "local",
    lane: "direct",
    chosen_by: "ordered",
    provider: "pool-a",
    model: "chat-small-1",
    model_digest: null,
    reasons: [{ candidate: "pool-a:chat-small-1", outcome: "chosen", reason: "first healthy candidate" }],
  },
  result: "none",
  detail: { response: "6".repeat(64), obligations: [] },
  ...over,
});
