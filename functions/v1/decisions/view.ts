import type { Actor } from "../../../shared/contracts/actor.ts";
import type { DecisionObject } from "../../../shared/contracts/http/decisions.ts";
import type { Obligation, ObligationOutcome } from "../../../shared/contracts/policy/obligations.ts";
import type { DecisionRecord } from "../../../shared/contracts/policy/record.ts";
import type { ExplainedLayer } from "../../../shared/contracts/ports/policy-tools.ts";
import type { KeptDecision } from "../../../shared/contracts/ports/tenant-store.ts";
import { rfc3339 } from "../time.ts";

export const decisionSummary = (record: DecisionRecord) => ({
  object: "decision" as const,
  id: record.id,
  created_at: rfc3339(record.at_ms),
  task: record.task,
  action: record.action,
  operation: record.operation,
  subject: record.input?.actor.subject ?? null,
  decision: record.outcome.decision,
  reasons: record.outcome.reasons,
  policies: record.layers,
});

/** In place of what a policy's evaluation failed on, which may quote its data, for readers who are not its authors. */
const WITHHELD = "withheld: the cell's policy is its operators'";

/** An explanation tells `reader` which rules held in both layers, and what the text of a policy failed on in their own. */
export function decisionObject(
  reader: Pick<Actor, "cell_operator">,
  kept: KeptDecision,
  record: DecisionRecord,
  explanation: { facts: "same" | "changed"; layers: readonly ExplainedLayer[] },
): DecisionObject {
  return {
    ...decisionSummary(record),
    input_digest: record.input_digest,
    // safe because: the input is an object of its schema
    input: record.input as unknown as DecisionObject["input"],
    snapshot: record.snapshot,
    facts: explanation.facts,
    outcome: record.outcome,
    obligations: carriedOut(record, kept.obligations ?? []),
    further: kept.further,
    policies: record.layers.map((layer, at) => {
      const explained = explanation.layers[at];
      if (explained?.layer !== layer.layer) throw new Error("an explanation of another layer");
      const { explained: how, reproduced, rules, rules_truncated, failure } = explained;
      const hidden = failure !== null && layer.layer === "cell" && !reader.cell_operator;
      const told = hidden ? { ...failure, detail: WITHHELD } : failure;
      return { ...layer, explained: how, reproduced, rules, rules_truncated, failure: told };
    }),
  };
}

/** Demands on the call with how each ended, then outcomes of obligations on the candidate that was used. */
function carriedOut(record: DecisionRecord, outcomes: readonly ObligationOutcome[]): DecisionObject["obligations"] {
  const left = [...outcomes];
  const take = (id: Obligation["id"]): ObligationOutcome | undefined => {
    const at = left.findIndex((outcome) => outcome.id === id);
    return at < 0 ? undefined : left.splice(at, 1)[0];
  };
  const demanded = record.outcome.obligations.map(({ id, params }) => {
    const ended = take(id);
    return { id, params, outcome: ended?.outcome ?? null, note: ended?.note ?? null };
  });
  const onCandidates = Object.values(record.outcome.route ?? {}).flat();
  return [
    ...demanded,
    ...left.map(({ id, outcome, note }) => {
      const params = onCandidates.find((obligation) => obligation.id === id)?.params ?? {};
      return { id, params: { ...params }, outcome, note };
    }),
  ];
}
