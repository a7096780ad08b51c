import type { Actor } from "./actor.ts";
import type { DecisionId, NanoUsd, RequestId, TaskId, UnixMs } from "./ids.ts";
import type { Classification } from "./policy/labels.ts";

/** Labels go with every stored body, session item and event; outputs inherit the strictest. */
export interface Labels {
  classification: Classification | null;
  /** What the call is made for. */
  purpose: string | null;
  markings: readonly string[];
  provenance: string | null;
  trust: "trusted" | "untrusted";
}

/** Crosses edge, objects, queue message, worker and callback unchanged; a missing member is refused. */
export interface CallContext {
  schema_version: 1;
  actor: Actor;
  workload: string | null;
  request: RequestId;
  task: TaskId;
  decisions: readonly DecisionId[];
  traceparent: string;
  deadline: UnixMs;
  budget_hold_nusd: NanoUsd;
  idempotency_fence: string | null;
  labels: Labels;
  parent_task?: TaskId;
  run?: string;
  step?: string;
  attempt?: number;
  external_ref?: string;
}
