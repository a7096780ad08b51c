import { z } from "zod";
import { UsageRow } from "./usage.ts";

export const TASK_STATUSES = ["OK", "ERROR", "TIMEOUT", "CANCELED"] as const;
export const TaskStatus = z.enum(TASK_STATUSES);
export type TaskStatus = z.infer<typeof TaskStatus>;
export const TaskPhase = z.enum(["queued", "running", "awaiting_approval", "finalizing", "done"]);
export type TaskPhase = z.infer<typeof TaskPhase>;
export const Route = z.enum(["local", "api", "hybrid"]);
export type Route = z.infer<typeof Route>;

/** Why a candidate was not used, or what happened when it was tried. */
export const RouteReason = z.object({
  candidate: z.string(),
  outcome: z.enum(["chosen", "rejected", "failed"]),
  reason: z.string(),
});
export type RouteReason = z.infer<typeof RouteReason>;

/** The route as it was taken: recorded at settlement, readable by task id. */
export const RouteRecord = z.object({
  route: Route,
  lane: z.enum(["direct", "queue"]),
  chosen_by: z.string(),
  provider: z.string().nullable(),
  model: z.string().nullable(),
  /** SHA-256 hex of what computed it (docs/ledger.md §4); null where nothing computed, and in older records. */
  model_digest: z.string().nullable().default(null),
  reasons: z.array(RouteReason),
});
export type RouteRecord = z.infer<typeof RouteRecord>;

export const TaskError = z.object({ code: z.string(), message: z.string() });
export type TaskError = z.infer<typeof TaskError>;

/** The error of a task that nobody settled; also what its key answers from then on. */
export const OUTCOME_UNKNOWN = "outcome_unknown";

/** The task as its tenant's object keeps it, without content. */
export const TaskRecord = z.object({
  id: z.string(),
  operation: z.string(),
  intent: z.string().nullable(),
  model: z.string().nullable(),
  status: TaskStatus.nullable(),
  phase: TaskPhase,
  created_ms: z.number(),
  finished_ms: z.number().nullable(),
  workspace: z.string(),
  project: z.string(),
  environment: z.string(),
  subject: z.string(),
  route: RouteRecord.nullable(),
  usage: z.array(UsageRow),
  cost_nusd: z.number(),
  estimated: z.boolean(),
  error: TaskError.nullable(),
  decision: z.string().nullable(),
});
export type TaskRecord = z.infer<typeof TaskRecord>;
