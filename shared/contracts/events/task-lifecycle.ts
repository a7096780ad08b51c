import { z } from "zod";
import { NANO_USD_MAX } from "../money.ts";
import { Route, TaskRecord } from "../task.ts";
import { Meter } from "../usage.ts";

const LedgerSeq = z.number().int().min(0);

/** Usage as billed. A correction carries the signed difference to what was charged before. */
export const BilledUsage = z.object({ meter: Meter, quantity: z.number().int().min(-1e12).max(1e12) });

/**
 * One line of the bill, written in the transaction of the ledger entry it names, so that the sums of SQL, `/v1/usage`
 * and ledger agree. Amounts are additive: a `correction` holds differences and counts no further request.
 */
export const BillingRow = z.object({
  ledger_seq: LedgerSeq,
  entry: z.enum(["charge", "correction"]),
  /** UTC day that is charged. */
  day: z.iso.date(),
  requests: z.number().int().min(0).max(1),
  usage: z.array(BilledUsage).max(16),
  cost_nusd: z.number().int().min(-NANO_USD_MAX).max(NANO_USD_MAX),
  estimated: z.boolean(),
  workspace: z.string(),
  project: z.string(),
  environment: z.string(),
  /** Public id of the API key; null for token callers. */
  key: z.string().nullable(),
  model: z.string().nullable(),
  provider: z.string().nullable(),
  route: Route.nullable(),
  lane: z.enum(["direct", "queue"]).nullable(),
});
export type BillingRow = z.infer<typeof BillingRow>;

/** `bailiwick.tasks.lifecycle.v1`: a task as it stands after a ledgered step; `billing` whenever that step charged. */
export const TaskLifecycleV1 = z.object({
  schema_version: z.literal(1),
  event: z.enum(["opened", "closed", "abandoned", "corrected"]),
  task: TaskRecord,
  ledger_seq: LedgerSeq,
  key: z.string().nullable(),
  billing: BillingRow.nullable(),
});
export type TaskLifecycleV1 = z.infer<typeof TaskLifecycleV1>;
