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
  const { id, input_json } = decided;
  const whole = input_json === undefined ? null : written(decided, input_json, input, where);
  if (whole !== null && whole.length <= LIMITS.decisionRecordBytesMax) return { id, record: whole };
  return bounded(decided, input, where);
}

/** The texts of what calls share: calls of one actor to one model have one decision. */
const texts = new WeakMap<Decision, string>();

/** As `JSON.stringify` writes the record, of parts that are written already. */
function written(decided: Decided, inputJson: string, input: PolicyInput, where: DecidedWhere): string {
  const { id, layers, decision, input_digest, now_ns } = decided;
  let outcome = texts.get(decision);
  if (outcome === undefined) {
    outcome = JSON.stringify(outcomeOf(decision));
    texts.set(decision, outcome);
  }
  const q = JSON.stringify;
  return (
    `{"schema_version":1,"id":${q(id)},"at_ms":${where.atMs},"task":${q(where.task)},"snapshot":${q(where.snapshot)}` +
    `,"input":${inputJson},"action":${q(input.action)},"operation":${q(input.operation)}` +
    `,"input_digest":${q(input_digest)},"now_ns":${q(now_ns)},"layers":${q(layers)},"outcome":${outcome}}`
  );
}

function bounded(decided: Decided, input: PolicyInput, where: DecidedWhere): RecordedDecision {
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
