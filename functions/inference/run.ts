import type { Candidate } from "../../shared/contracts/config/snapshot.ts";
import type { JsonObject } from "../../shared/contracts/json.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { parseUsd } from "../../shared/contracts/money.ts";
import type { Metrics } from "../../shared/contracts/ports/telemetry.ts";
import type { RouteReason } from "../../shared/contracts/task.ts";
import type { UsageRow } from "../../shared/contracts/usage.ts";
import { commitmentHex } from "../../shared/crypto/commitment.ts";
import { commitmentSalts } from "../../shared/crypto/commitment-salts.ts";
import type { Call, Deps } from "../context.ts";
import { detach, follow } from "../detached/detach.ts";
import { inputTokensBound } from "../dialects/input-bound.ts";
import { outputCap } from "../dialects/rewrite.ts";
import { translators } from "../dialects/translators.ts";
import { asProblem } from "../pipeline/problem-response.ts";
import { step, stepNow } from "../pipeline/step.ts";
import { ProblemError } from "../problem.ts";
import type { Reply } from "../v1/operation.ts";
import { admit } from "./admission.ts";
import { attempt } from "./attempt.ts";
import { brokenRun, leavesOpen, leftOpen } from "./broken-run.ts";
import { idempotencyClaim } from "./commitments.ts";
import type { Delivery } from "./deliver.ts";
import { hopRequest, injectedCap } from "./hop-request.ts";
import { fullAudit } from "./obligations/audit.ts";
import { keptUnder } from "./obligations/content-duty.ts";
import { disclaim } from "./obligations/disclaimer.ts";
import { contentDuty, dutiesOf } from "./obligations/duties.ts";
import { fitting } from "./obligations/fitting.ts";
import { cappedCandidate } from "./obligations/hop-duty.ts";
import { Outcomes } from "./obligations/outcomes.ts";
import { OutputDuty } from "./obligations/output-duty.ts";
import { refuseFor } from "./obligations/refuse.ts";
import { OutputBound } from "./output-bound.ts";
import { type Hop, type Plan, planRoute } from "./plan.ts";
import { noRoute, type PoolRefusals, poolRefusals } from "./pools/loads.ts";
import type { Carried } from "./prepare.ts";
import { type Quote, quote, type TaskBudget, taskBudget } from "./quote.ts";
import { relayStream } from "./relay-stream.ts";
import { relayUnary, settleFailure } from "./relay-unary.ts";
import { replay } from "./replay.ts";
import { openResponseSession, type ResponseSession, sessionNamed } from "./response-session.ts";
import { NO_KEEPER, resultKeeper } from "./result-keeper.ts";
import { Settlement } from "./settlement.ts";
import { stopOn } from "./stopper.ts";
import { unitsOf } from "./tensor-units.ts";
import type { View } from "./view.ts";

/**
 * The shared steps of every inference view, after the decision: quote, admit, plan, execute, relay, settle. Exactly two
 * durable calls when no key, session or tenant credential is used.
 */
export async function runInference(deps: Deps, call: Call, view: View): Promise<Reply> {
  const { offered, features } = call.prepared as Carried; // safe because: `prepareInference` made it
  const dataKey = await deps.keyring.openDataKey(call.tenant.id, call.tenant.data_key);
  const salts = commitmentSalts(dataKey, call.task);
  const asked = call.body as JsonObject; // safe because: the operation's schema is an object
  const session =
    view.surface === "openai.responses"
      ? await step(call.span, "session", () => openResponseSession(deps, call, asked, dataKey))
      : null;
  const body = session?.body ?? asked;
  const units = unitsOf(view.surface, body);

  const route = call.decided.decision.route;
  const approved = route ? [...route.candidates.keys()] : null;
  const allowed = offered.offers.filter(({ candidate }) => approved === null || approved.includes(candidate.id));
  if (allowed.length === 0) throw new ProblemError("forbidden", { members: { reasons: ["no_approved_candidate"] } });
  const { usable, excluded, broken } = fitting(call.decided.decision, allowed, asked);
  if (usable.length === 0 && broken !== null) throw await refuseFor(deps, call, broken.id);
  const pools = await poolRefusals(deps, call, allowed);
  // Nothing is held for what no worker takes. A key's stored answer needs none: with a key this is asked once admitted.
  if (
    call.idempotencyKey === null &&
    call.run === undefined &&
    usable.every(({ candidate }) => pools.has(candidate.id))
  )
    throw noRoute(deps, pools, rejectedFor(offered, excluded, pools));
  const budget = budgetOf(call);
  const quoted = quoteCall(
    deps.telemetry.metrics,
    call,
    view,
    body,
    usable.map(({ candidate }) => cappedCandidate(call, candidate)),
    features.choices,
    budget,
    units,
  );

  const admitted = await admit(deps, call, {
    operation: view.operation,
    action: view.action,
    model: features.model,
    intent: offered.intent?.name ?? null,
    hold_nusd: quoted.hold_nusd,
    tokens: quoted.tokens,
    idempotency:
      call.idempotencyKey === null ? null : idempotencyClaim(dataKey, view.operation, call.idempotencyKey, call),
    detail: { request: commitmentHex(salts.request, call.rawBody) },
    ...(session?.wanted ? { subject_key: session.wanted } : {}),
    ...(session?.kept ? { kept: session.kept } : {}),
  });
  if (admitted.kind === "replay") return replay(deps, call, admitted, view);
  session?.grant(admitted.subject_key);

  const forbidden = contentDuty(call.decided.decision.obligations) === "forbid";
  let keeper = call.idempotencyKey === null || forbidden ? NO_KEEPER : resultKeeper(deps, call, dataKey);
  const stopper = stopOn(deps, call);
  let bound = new OutputBound({ inputTokens: 0, outputTokens: 0 }, units);
  const named = { surface: view.surface, model: features.model };
  const settlement = new Settlement(deps, call, named, () => bound.rows());
  const outcomes = new Outcomes();
  settlement.owes(outcomes, fullAudit(call.decided.decision.obligations, { offered, features }, outcomes));
  let left = false;
  try {
    const out = [...excluded, ...quoted.excluded];
    const plan = stepNow(call.span, "plan", () =>
      planned(deps, call, { offered, approved, pools }, { ...quoted, excluded: out }),
    );
    const pool = poolOf(plan);
    if (call.run === undefined && (call.detach !== undefined || pool !== null)) {
      const onLeaving = () => {
        left = true;
      };
      const [holdNusd, { operation }] = [quoted.hold_nusd, view];
      const kept = session === null ? null : sessionNamed(asked);
      await detach(deps, call, { operation, dataKey, holdNusd, pool, session: kept, onLeaving });
      stopper.release();
      const answer = { ...contextOf(call, view, asked, session, features.model), extra: session?.extra ?? {} };
      return await follow(deps, call, dataKey, answer);
    }
    const capOf = (candidate: Candidate) =>
      injectedCap(
        cappedCandidate(call, candidate),
        quoted.candidates.get(candidate.id),
        budget,
        admitted.hard,
        features.choices,
      );
    const request = (hop: Hop) =>
      hopRequest(deps, call, {
        view,
        body,
        hop,
        cap: capOf(hop.candidate),
        stream: features.stream,
        dataKey,
        outcomes,
      });
    const accepted = await attempt(deps, call, plan, settlement, request, stopper.abort);
    const cap = capOf(accepted.hop.candidate);
    const inputTokens = quoted.candidates.get(accepted.hop.candidate.id)?.input_tokens ?? 0;
    bound = new OutputBound({ inputTokens, outputTokens: cap.tokens * features.choices }, units);
    call.run?.metered({
      ...bound.bounds,
      prices: settlement.prices ?? {},
      route: settlement.route,
    });
    const duties = dutiesOf(call.decided.decision, accepted.hop.candidate.id);
    settlement.owes(outcomes, fullAudit(duties, { offered, features }, outcomes));
    disclaim(duties, call.reply, outcomes);
    const kept = keptUnder(deps, call, { duties, outcomes, session, request: asked, keeper });
    keeper = kept.keeper;
    if (session !== null && kept.onAnswer !== null) settlement.kept = session.id;
    const delivery: Delivery = {
      call,
      surface: view.surface,
      shape: view.shape,
      dialect: accepted.dialect,
      translation: accepted.dialect === view.surface ? null : (translators[view.surface][accepted.dialect] ?? null),
      context: { ...contextOf(call, view, asked, session, features.model), extra: kept.extra },
      includeUsage: features.includeUsage,
      cappedByBudget: cap.byBudget,
      salt: salts.response,
      settlement,
      units,
      bound,
      output: new OutputDuty(view.surface, duties, outcomes),
      choices: features.choices,
      keeper,
      onAnswer: kept.onAnswer,
      stopper,
    };
    if (features.stream) return relayStream(deps, { ...delivery, events: accepted.events, first: accepted.first });
    // A body is the end of its call, so there is nothing left to read: the engine only has to hear that it is over.
    call.runtime.defer(Promise.resolve(accepted.events.return?.()));
    const reply = await relayUnary(delivery, accepted.first);
    stopper.release();
    return reply;
  } catch (thrown) {
    stopper.release();
    if (left) throw thrown;
    if (settlement.ran && stopper.problem === null && leavesOpen(call, thrown)) throw leftOpen(thrown);
    const problem = stopper.problem ?? (settlement.ran ? brokenRun(call, thrown) : asProblem(thrown));
    await settleFailure(deps, { call, settlement, keeper, shape: view.shape }, problem);
    throw problem;
  }
}

/** Every candidate with the reason for which it is none. */
const rejectedFor = (
  offered: Carried["offered"],
  excluded: readonly RouteReason[],
  pools: PoolRefusals,
): RouteReason[] => [
  ...offered.rejected,
  ...excluded,
  ...[...pools].map(([candidate, { reason }]): RouteReason => ({ candidate, outcome: "rejected", reason })),
];

/** The pool whose worker is to begin with the call, or null where an engine is called from here. */
const poolOf = ({ hops: [first] }: Plan): string | null =>
  first.candidate.lane === "queue" ? (first.provider.pool ?? first.provider.name) : null;

/** The task's budget: the caller's statement, policy's limit and the cell's caps. */
function budgetOf(call: Call): TaskBudget {
  const header = call.headers.get("x-bailiwick-budget-usd");
  const stated = header === null ? null : parseUsd(header);
  if (header !== null && stated === null)
    throw new ProblemError("invalid-request", {
      param: "x-bailiwick-budget-usd",
      detail: "A budget is dollars as an exact decimal.",
    });
  return taskBudget(call.snapshot.policies, stated, call.decided.decision.limits?.budget_nusd ?? null);
}

function quoteCall(
  metrics: Metrics,
  call: Call,
  view: View,
  body: JsonObject,
  candidates: readonly Candidate[],
  choices: number,
  budget: TaskBudget,
  units: readonly UsageRow[],
): Quote {
  const quoted = quote({
    candidates,
    surface: view.surface,
    inputTokens: (imageTokens) => inputTokensBound(view.surface, body, imageTokens),
    units,
    outputCap: outputCap(view.surface, body),
    choices,
    policyCap: call.decided.decision.limits?.output_tokens_max ?? null,
    attempts: Math.min(LIMITS.attemptsMax, candidates.length),
    budget,
  });
  if (quoted.ok) return quoted.value;
  metrics.count("bailiwick_budget_refusals_total", { reason: "task_cap" });
  throw new ProblemError("task-budget-too-small", {
    detail: "The shortest answer of the cheapest model costs more than this task may.",
    members: { needed_nusd: quoted.error.needed_nusd, budget_nusd: quoted.error.budget_nusd },
  });
}

function planned(
  deps: Deps,
  call: Call,
  {
    offered,
    approved,
    pools,
  }: { offered: Carried["offered"]; approved: readonly string[] | null; pools: PoolRefusals },
  quoted: Quote,
): Plan {
  const plan = planRoute({
    offered,
    approved,
    excluded: quoted.excluded,
    policies: call.snapshot.policies,
    breaker: (provider) => deps.router.breakers.state(provider),
    pool: (candidate) => pools.get(candidate)?.reason ?? null,
    hopsMax: quoted.attempts,
    latencyMs: (candidate) => deps.router.latencies.get(candidate),
    costNusd: ({ id }) => quoted.candidates.get(id)?.attempt_nusd ?? 0,
    random: deps.router.random,
  });
  if (!plan.ok) throw noRoute(deps, pools, plan.error.rejected);
  return plan.value;
}

const contextOf = (
  call: Call,
  view: View,
  asked: JsonObject,
  session: ResponseSession | null,
  model: string,
): Delivery["context"] => ({
  id: session?.id ?? view.answerId(call.task),
  createdS: Math.floor(call.receivedMs / 1000),
  model,
  request: asked,
});
