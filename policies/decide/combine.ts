import type { Decision, LayerApproval, PolicyCandidate } from "../../shared/contracts/decision.ts";
import type { DecisionVerb } from "../../shared/contracts/policy/document.ts";
import type { ApprovalEvidence } from "../../shared/contracts/ports/policy.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import { DENIALS, type Denial, type LayerAnswer } from "./answer.ts";
import { approvalOf, isSatisfied } from "./approvals.ts";
import { mergeObligations } from "./obligations.ts";
import { resolveRoutes } from "./route.ts";

/** What the layers answered. The cell's always exists; a tenant without a bundle demands nothing. */
export interface LayerAnswers {
  cell: LayerAnswer;
  tenant: LayerAnswer | null;
}

/** What the answers are resolved against. */
export interface CombineContext {
  candidates: readonly PolicyCandidate[];
  /** In whose names the call is made (`requestersOf`). */
  requesters: readonly string[];
  evidence: ApprovalEvidence | null;
}

/** From the strongest; the combined verb is the strongest of any layer. */
const STRENGTH: readonly DecisionVerb[] = ["DENY", "THROTTLE", "REQUIRE_STEP_UP", "REQUIRE_HITL", "ROUTE", "ALLOW"];

interface Held {
  answer: LayerAnswer;
  /** The answer's verb, or what it becomes with its approval satisfied. */
  verb: DecisionVerb;
  approval: LayerApproval | null;
}

/**
 * Both layers as one decision, by the table in README.md: the strongest verb decides, and every demand of both layers
 * stands. A tenant can only add to what the cell demands. Pure and total; whatever contradicts itself is a denial.
 */
export function combine({ cell, tenant }: LayerAnswers, context: CombineContext): Decision {
  const layers = [held("cell", cell, context)];
  if (tenant !== null) layers.push(held("tenant", tenant, context));
  const decision = STRENGTH.find((candidate) => layers.some(({ verb }) => verb === candidate)) ?? "DENY";
  const reasons = [...new Set(layers.flatMap(({ verb, answer }) => (verb === decision ? answer.reasons : [])))];
  if (decision === "DENY") return { decision, reasons, obligations: [], approvals: [] };

  const answers = layers.map(({ answer }) => answer);
  const obligations = mergeObligations(...answers.map((answer) => answer.obligations));
  if (!obligations.ok) return denied(DENIALS.obligationConflict);
  const combined: Decision = {
    decision,
    reasons,
    obligations: obligations.value,
    approvals: layers.flatMap(({ approval }) => approval ?? []),
  };
  const routes = answers.flatMap(({ route }) => route ?? []);
  if (routes.length > 0) {
    const { candidates, conflicts } = resolveRoutes(routes, context.candidates, obligations.value);
    if (candidates.size === 0 && context.candidates.length > 0)
      return denied(conflicts ? DENIALS.obligationConflict : DENIALS.noCandidate);
    combined.route = { candidates };
  }
  const acr = joinAcr(answers);
  if (!acr.ok) return denied(acr.error);
  if (acr.value !== undefined) combined.acr = acr.value;
  const limits = lowest(answers);
  if (limits !== undefined) combined.limits = limits;
  const throttle = answers.find((answer) => answer.throttle !== undefined)?.throttle;
  if (throttle !== undefined) combined.throttle = throttle;
  const ttlS = Math.min(...answers.map(({ ttl_s }) => ttl_s ?? Number.POSITIVE_INFINITY));
  if (Number.isFinite(ttlS)) combined.ttl_s = ttlS;
  return combined;
}

const denied = (code: Denial): Decision => ({ decision: "DENY", reasons: [code], obligations: [], approvals: [] });

/** A layer whose approval is satisfied answers what it would otherwise; an ALLOW with a route is a ROUTE. */
function held(layer: "cell" | "tenant", answer: LayerAnswer, { evidence, requesters }: CombineContext): Held {
  const demand = approvalOf(layer, answer);
  const open = demand !== null && !isSatisfied(demand, evidence, requesters) ? demand : null;
  const passes = answer.decision === "ALLOW" || (answer.decision === "REQUIRE_HITL" && open === null);
  const verb = !passes ? answer.decision : answer.route === undefined ? "ALLOW" : "ROUTE";
  return { answer, verb, approval: open };
}

/** Context classes that satisfy every layer that asks, in the cell's order, and the shortest age. */
function joinAcr(answers: readonly LayerAnswer[]): Result<Decision["acr"], Denial> {
  const demands = answers.flatMap(({ acr }) => acr ?? []);
  const [first] = demands;
  if (first === undefined) return ok(undefined);
  const values = [...new Set(first.values)].filter((value) => demands.every((demand) => demand.values.includes(value)));
  if (values.length === 0) return err(DENIALS.acrConflict);
  const age = Math.min(...demands.map(({ max_age_s }) => max_age_s ?? Number.POSITIVE_INFINITY));
  return ok(Number.isFinite(age) ? { values, max_age_s: age } : { values });
}

const LIMIT_NAMES = ["budget_nusd", "output_tokens_max", "latency_ms_max"] as const;

function lowest(answers: readonly LayerAnswer[]): Decision["limits"] {
  const limits: NonNullable<Decision["limits"]> = {};
  for (const name of LIMIT_NAMES) {
    const stated = answers.flatMap((answer) => answer.limits?.[name] ?? []);
    if (stated.length > 0) limits[name] = Math.min(...stated);
  }
  return Object.keys(limits).length > 0 ? limits : undefined;
}
