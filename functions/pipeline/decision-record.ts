import type { Decided, Decision, PolicyInput } from "../../shared/contracts/decision.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { DecisionRecord, RecordedOutcome } from "../../shared/contracts/policy/record.ts";
import type { RecordedDecision } from "../../shared/contracts/ports/tenant-store.ts";

/** Where and when it was decided. */
export interface DecidedWhere {
  task: string | null;
  atMs: number;
  /** Digest of the configuration in force. */
  snapshot: string;
}

/** A decision in the form that records and answers have: all members, and no maps. */
export function outcomeOf(decision: Decision): RecordedOutcome {
  const { reasons, obligations, route, limits, acr, approvals, throttle } = decision;
  return {
    decision: decision.decision,
    reasons,
    obligations,
    route:
      route === undefined
        ? null
        : Object.fromEntries([...route.candidates].map(([candidate, under]) => [candidate, [...under]])),
    limits: limits ?? null,
    acr: acr ?? null,
    approvals,
    throttle: throttle ?? null,
  };
}

/**
 * The decision as the tenant's object keeps it, with all that it takes to ask again. An input that would make it longer
 * than the ring keeps is left out; its digest stays.
 */
export function decisionRecord(decided: Decided, input: PolicyInput, where: DecidedWhere): RecordedDecision {
  const { id, layers, input_digest, now_ns } = decided;
  const record = {
    schema_version: 1,
    id,
    at_ms: where.atMs,
    task: where.task,
    snapshot: where.snapshot,
    input,
    action: input.action,
    operation: input.operation,
    input_digest,
    now_ns,
    layers,
    outcome: outcomeOf(decided.decision),
  } satisfies DecisionRecord;
  const whole = JSON.stringify(record);
  if (whole.length <= LIMITS.decisionRecordBytesMax) return { id, record: whole };
  const { outcome } = record;
  const short: DecisionRecord = { ...record, input: null };
  const text = JSON.stringify(short);
  if (text.length <= LIMITS.decisionRecordBytesMax) return { id, record: text };
  // Obligations of very many candidates: the verb and its reasons are what an explanation cannot do without.
  return { id, record: JSON.stringify({ ...short, outcome: { ...outcome, obligations: [], route: null } }) };
}
