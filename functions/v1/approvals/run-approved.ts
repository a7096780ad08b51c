import type { ApprovalRecord, AskedOfRun } from "../../../shared/contracts/approval.ts";
import type { PolicyInput } from "../../../shared/contracts/decision.ts";
import type { TaskId, TenantId } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Runner } from "../../../shared/contracts/ports/runner.ts";
import type { TenantState } from "../../../shared/contracts/ports/tenant-store.ts";
import { PROBLEMS, type ProblemSlug } from "../../../shared/contracts/problems.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import type { Deps, Incoming } from "../../context.ts";
import { attributionOf } from "../../pipeline/attribution.ts";
import { asProblem } from "../../pipeline/problem-response.ts";
import { ProblemError, problemDocument, StaleAccess } from "../../problem.ts";
import { governed, refuseState } from "../governed.ts";
import type { Identified } from "../identify.ts";
import { parseInput } from "../input.ts";
import type { Operation } from "../operation.ts";
import { actsHere } from "../unattended/acts-here.ts";
import { answered } from "../unattended/answered.ts";
import { authority } from "../unattended/authority.ts";
import { incomingOf } from "../unattended/incoming-of.ts";
import { approvalNow } from "./approval-now.ts";
import { evidenceOf } from "./approval-required.ts";
import { keepAnswer } from "./kept-answer.ts";
import { openWaiting, type WaitingCall } from "./proposal.ts";
import { sendWebhook, type WebhookParts } from "./webhook.ts";

/** Refusals that pass: the policy or a store could not be reached, so nothing was decided and nothing done. */
const PASSING: ReadonlySet<ProblemSlug> = new Set([
  "policy-unavailable",
  "store-unavailable",
  "ledger-halted",
  "draining",
  "overloaded",
]);

/** A run longer than its call's deadline is lost: its lease ends, and its outcome is unknown. */
const LEASE_MS = LIMITS.deadlineMsDefault + LIMITS.abandonGraceMs;

/**
 * Carries out what was approved, through the seam: the requester's credential is read again, the tenant's state and
 * policy are asked live, and what was approved is evidence, not permission. A run that was begun and then lost is never
 * begun again: a provider may have done its part.
 */
export function approvalRunner(
  deps: Deps,
  operations: readonly Operation[],
  parts: WebhookParts,
): Pick<Runner, "run" | "notify"> {
  const byId = new Map(operations.map((operation) => [operation.id, operation]));
  return {
    async run(tenant, task) {
      const leased = await deps.tasks.leaseRun(tenant, task, LEASE_MS);
      // Another runner has it, or it is over.
      if (!leased.ok) return;
      const { fence, attempts } = leased.value;
      const leave = deps.lifecycle.enter();
      try {
        if (!(await actsHere(deps, tenant))) {
          // Whoever has the tenant carries it out; here it may stay.
          await deps.tasks.endRun(tenant, task, fence, { done: false, retry_ms: LIMITS.elsewhereRetryMs });
          return;
        }
        const runOnce = async () => {
          const run = await prepared(deps, byId, tenant, task);
          return typeof run === "string" ? { run: null, ended: run } : { run, ended: await carryOut(deps, run) };
        };
        let { run, ended } = await runOnce();
        // As the seam does for a caller: decided again, once, on what is in force now.
        if (ended === "stale") ({ run, ended } = await runOnce());
        // What could not even be read has no last try: it would stay approved, and nobody would hear of it.
        const again = ended !== "over" && (run === null || attempts < LIMITS.approvalRunTriesMax);
        if (run !== null && !again) await finishUnrun(deps, run);
        // If we crash here the run is leased once more, finds its approval done, and ends.
        const end = again ? { done: false as const, retry_ms: LIMITS.approvalRunRetryMs } : { done: true as const };
        await deps.tasks.endRun(tenant, task, fence, end);
      } finally {
        leave();
      }
    },
    notify: (tenant, task) => sendWebhook(deps, parts, tenant, task),
  };
}

interface Run {
  record: ApprovalRecord;
  waiting: WaitingCall;
  operation: Operation;
  identified: Identified;
  incoming: Incoming;
}

/** What is to be run; `over` when nothing is, or when it ended here, `later` when that could not be read. */
async function prepared(
  deps: Deps,
  byId: ReadonlyMap<string, Operation>,
  tenant: TenantId,
  task: TaskId,
): Promise<Run | "over" | "later"> {
  const known = await approvalNow(deps, tenant, task);
  if (typeof known === "string") return known === "changing" ? "later" : "over";
  const { state, record } = known;
  const headers = new Headers();
  const incoming = incomingOf(deps, task, {
    name: "approval.run",
    request: deps.ids.mint("req"),
    receivedMs: deps.clock.now(),
    traceparent: null,
    headers,
    stop: new AbortController().signal,
  });
  const finish = (slug: ProblemSlug, detail?: string) =>
    ended(deps, state, record, incoming, new ProblemError(slug, detail ? { detail } : {}));
  if (record.state === "running") {
    await finish("outcome-unknown");
    return "over";
  }
  if (record.state !== "approved") return "over";
  // Nothing is begun for a tenant that leaves.
  if (state.move !== undefined) return "later";
  const opened = await openWaiting(deps, state, record);
  const operation = byId.get(record.operation);
  if (!opened.ok || !operation) {
    await finish("not-found", "What was approved is not kept any more.");
    return "over";
  }
  const waiting = opened.value;
  const who = await authority(deps, state, waiting.actor);
  if (!who.ok) {
    await finish("unauthenticated", "The credential of the request is not in force any more.");
    return "over";
  }
  for (const [name, value] of Object.entries(waiting.proposal.headers)) headers.set(name, value);
  if (waiting.idempotency_key !== null)
    headers.set("idempotency-key", `"${waiting.idempotency_key.replace(/["\\]/g, "\\$&")}"`);
  return { record, waiting, operation, identified: who.value, incoming };
}

/** Runs it. Unless it is `over`, nothing was done and it is worth another try: `stale`, at once. */
async function carryOut(deps: Deps, run: Run): Promise<"over" | "later" | "stale"> {
  const { record, waiting, operation, identified, incoming } = run;
  const { tenant } = identified.actor.scopes;
  const { params, query, body } = waiting.proposal;
  const by = attributionOf(identified.actor, incoming, deps.cell, deps.config.current().digest, null);
  let begun = false;
  try {
    const refused = refuseState(operation, identified);
    if (refused) throw refused;
    const input = {
      params: operation.params ? parseInput(operation.params, params, "path") : undefined,
      query: operation.query ? parseInput(operation.query, query, "query") : undefined,
      body: operation.body ? parseInput(operation.body, body, "body") : undefined,
      rawBody: body === null ? (new Uint8Array() as Uint8Array) : utf8(JSON.stringify(body)),
    };
    const reply = await governed(operation, deps, incoming, identified, input, {
      point: "approved",
      approval: evidenceOf(record),
      async beforeEffect({ policyInput }) {
        // From here on the run is never begun again, unless its own runner finds that nothing was done.
        const asked = askedOf(policyInput);
        const running = await deps.tenants.runApproval(tenant, record.task, { to: "running", asked }, by);
        // Whose lease ran out may have begun it meanwhile; how far it came, nobody knows.
        if (!running.ok) throw new ProblemError("outcome-unknown");
        begun = true;
      },
    });
    const answer = await keepAnswer(deps, identified.state, record.task, answered(operation, reply));
    await finished(deps, tenant, record, by, { status: answer.status, code: null });
    incoming.span.end("ok");
  } catch (thrown) {
    if (thrown instanceof StaleAccess) {
      incoming.span.end("error");
      if (!begun) return "stale";
      // Refused before it did anything. If we crash before this is durable, the run counts as lost.
      const back = await deps.tenants.runApproval(tenant, record.task, { to: "approved" }, by);
      // Another runner has ended it meanwhile.
      return back.ok ? "stale" : "over";
    }
    const problem = asProblem(thrown);
    if (PASSING.has(problem.slug)) {
      incoming.span.end("error");
      return "later";
    }
    if (problem.slug === "internal")
      deps.telemetry.log.error("approval.run", thrown, { request: incoming.request, task: record.task });
    await ended(deps, identified.state, record, incoming, problem);
  }
  return "over";
}

const askedOf = ({
  candidates,
  classification,
  features,
  grants,
  intent,
  markings,
  privacy,
  purpose,
}: PolicyInput): AskedOfRun => ({
  candidates,
  classification,
  features,
  ...(grants === undefined ? {} : { grants }),
  intent,
  markings,
  privacy,
  purpose,
});

/** After the last try: what could not be decided is over. */
const finishUnrun = async (deps: Deps, { record, identified, incoming }: Run): Promise<void> => {
  const now = await approvalNow(deps, identified.state.id, record.task);
  // The lease of this run ends, and the next one reads it again.
  if (now === "changing") throw new Error(`approval ${record.id} could not be read`);
  if (now !== "gone" && now.record.state === "approved")
    await ended(deps, now.state, record, incoming, new ProblemError("policy-unavailable"));
};

/** A run that ended with a problem: the problem is its answer. */
async function ended(
  deps: Deps,
  state: TenantState,
  record: ApprovalRecord,
  incoming: Incoming,
  problem: ProblemError,
): Promise<void> {
  const { status, code } = PROBLEMS[problem.slug];
  const body = utf8(JSON.stringify(problemDocument(problem, incoming.request)));
  await keepAnswer(deps, state, record.task, {
    status,
    contentType: "application/problem+json",
    stream: false,
    body,
  });
  const { requester } = record;
  const by = {
    ...requester,
    request: incoming.request,
    acr: null,
    cell: deps.cell.id,
    region: deps.cell.region,
    source: null,
    release: deps.cell.release,
    snapshot: deps.config.current().digest,
    decision: null,
    policy: null,
  };
  await finished(deps, state.id, record, by, { status, code });
  incoming.span.set({ "error.type": problem.slug });
  incoming.span.end("error");
}

async function finished(
  deps: Deps,
  tenant: TenantId,
  record: ApprovalRecord,
  by: Parameters<Deps["tenants"]["runApproval"]>[3],
  outcome: { status: number; code: string | null },
): Promise<void> {
  const done = await deps.tenants.runApproval(tenant, record.task, { to: "done", outcome }, by);
  if (!done.ok) throw new Error(`approval ${record.id} could not end: ${done.error.reason}`);
  deps.telemetry.metrics.count("bailiwick_approvals_total", { outcome: outcome.code === null ? "executed" : "failed" });
}
