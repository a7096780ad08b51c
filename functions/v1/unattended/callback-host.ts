import { z } from "zod";
import type { CallbackEnd, CallbackReason, PendingCallback } from "../../../shared/contracts/callback.ts";
import { TaskId, type TenantId } from "../../../shared/contracts/ids.ts";
import type { Attribution } from "../../../shared/contracts/ledger.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Runner } from "../../../shared/contracts/ports/runner.ts";
import type { TenantState } from "../../../shared/contracts/ports/tenant-store.ts";
import type { ProblemSlug } from "../../../shared/contracts/problems.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import type { Call, Deps, Incoming } from "../../context.ts";
import { callbackEvent, deliveryOf } from "../../detached/callback/callback-event.ts";
import { type Delivery, type DeliveryParts, deliver } from "../../detached/callback/deliver.ts";
import { retryWait } from "../../detached/callback/retry-wait.ts";
import { type CallbackCall, openCallback } from "../../detached/callback/sealed-callback.ts";
import { attributionOf } from "../../pipeline/attribution.ts";
import { asProblem } from "../../pipeline/problem-response.ts";
import { Room } from "../../pipeline/room.ts";
import { ProblemError, StaleAccess } from "../../problem.ts";
import { governed, type Occasion, refuseState } from "../governed.ts";
import { NO_INPUT } from "../input.ts";
import { type Operation, operation, value } from "../operation.ts";
import { unwrap } from "../refusals.ts";
import { taskEnvelope } from "../tasks/envelope.ts";
import { actsFor } from "./acts-here.ts";
import { authority } from "./authority.ts";
import { incomingOf } from "./incoming-of.ts";

export interface CallbackParts extends DeliveryParts {
  /** Whether `callback` stays until the try is over: where nothing else keeps the process at work on it. */
  awaited: boolean;
}

/** What holds a callback back and passes; nobody was reached. */
const PASSING: Readonly<Partial<Record<ProblemSlug, CallbackReason>>> = {
  "tenant-suspended": "tenant_state",
  "tenant-locked": "tenant_state",
  "policy-unavailable": "unavailable",
  "store-unavailable": "unavailable",
  "ledger-halted": "unavailable",
  throttled: "unavailable",
};

/** How one look at a callback ended. */
interface Tried {
  /** Tries that reached for the receiver, this one included. */
  attempt: number;
  end: CallbackEnd;
  by: Attribution;
}

const OCCASION: Occasion = { point: "callback", approval: null, beforeEffect: null, unattended: true };

/**
 * Tells callers of detached tasks that they have ended: the requester's credential is read again, tenant and policy are
 * asked live before every try, the end is in the tenant's ledger before it is the callback's. A try that was lost is made
 * again, under the same delivery id.
 */
export function callbackHost(deps: Deps, parts: CallbackParts): Pick<Runner, "callback"> {
  const room = new Room(LIMITS.callbacksMax, LIMITS.callbacksPerTenantMax);
  const failed = (cause: unknown, task: TaskId) => deps.telemetry.log.error("task.callback", cause, { task });

  return {
    async callback(tenant, task) {
      const pending = await deps.tasks.callback(tenant, task);
      if (!pending.ok) return;
      const leave = deps.lifecycle.draining ? null : room.enter(tenant);
      if (leave === null) {
        const waitMs = Math.ceil(LIMITS.callbackNoRoomMs * (1 + chanceOf(deps)));
        const end = postponed(pending.value, "unavailable", waitMs);
        await deps.tasks.endCallback(tenant, task, pending.value.attempts, end);
        return;
      }
      const done = deps.lifecycle.enter();
      // What fails here by a defect or a store that is away is tried again once this try's time is over.
      const tried = tryOnce(deps, parts, tenant, task, pending.value).finally(() => {
        leave();
        done();
      });
      if (parts.awaited) return tried;
      tried.catch((cause: unknown) => failed(cause, task));
    },
  };
}

/** In [0, 1). */
const chanceOf = ({ ids }: Pick<Deps, "ids">): number => (ids.bytes(1)[0] ?? 0) / 256;

const postponed = ({ last_status }: PendingCallback, reason: CallbackReason, retryMs: number): CallbackEnd => ({
  ...{ state: "waiting", retry_ms: retryMs, last_status, reason },
});

async function tryOnce(
  deps: Deps,
  parts: CallbackParts,
  tenant: TenantId,
  task: TaskId,
  pending: PendingCallback,
): Promise<void> {
  const found = await deps.tenants.lookup(tenant, null);
  const state = found.ok ? found.value.state : null;
  if (state === null || !actsFor(state)) {
    const left = state === null || state.move?.phase === "left";
    await deps.tasks.endCallback(tenant, task, pending.attempts, notHere(deps, pending, left));
    return;
  }
  const dataKey = await deps.keyring.openDataKey(tenant, state.data_key);
  const call = await openCallback(dataKey, tenant, task, pending.sealed);
  const incoming = incomingOf(deps, task, {
    name: "task.callback",
    request: deps.ids.mint("req"),
    receivedMs: deps.clock.now(),
    traceparent: call.traceparent,
    headers: new Headers(),
    stop: new AbortController().signal,
  });
  const by = attributionOf(call.actor, incoming, deps.cell, deps.config.current().digest, null);
  try {
    const tried = await tell({ deps, parts, state, task, pending, call, incoming, by });
    const end = inTime(deps, pending, tried.end);
    const { origin } = new URL(call.url);
    deps.telemetry.metrics.count("bailiwick_callbacks_total", { outcome: end.state, reason: end.reason ?? "none" });
    incoming.span.set({ "bailiwick.attempt": tried.attempt, "bailiwick.outcome": end.state, "server.address": origin });
    if (end.last_status !== null) incoming.span.set({ "http.response.status_code": end.last_status });
    if (end.state !== "waiting") {
      const { state: outcome, last_status, reason } = end;
      const recorded = await deps.tenants.record(tenant, {
        kind: "callback.ended",
        action: TELLING.action,
        by: tried.by,
        detail: { task, asked_by: call.request, origin, outcome, attempts: tried.attempt, last_status, reason },
        dedupe: `callback:${task}`,
      });
      if (!recorded.ok) throw new Error(`the end of the callback of ${task} is not recorded: ${recorded.error.reason}`);
    }
    // If we crash before this is durable, a delivered one is delivered again, under the same id.
    await deps.tasks.endCallback(tenant, task, tried.attempt, end);
    incoming.span.end(end.state === "delivered" ? "ok" : "error");
  } catch (thrown) {
    incoming.span.end("error");
    throw thrown;
  }
}

/**
 * Of a tenant that this cell does not act for: whoever has it tells, and records the end. What stays here of one that left
 * (`left`), or that did not come after all, is nobody's to record: its time is over in silence.
 */
const notHere = ({ clock }: Pick<Deps, "clock">, pending: PendingCallback, left: boolean): CallbackEnd =>
  left && clock.now() >= pending.expires_ms
    ? { state: "failed", last_status: pending.last_status, reason: "expired" }
    : postponed(pending, "tenant_state", LIMITS.elsewhereRetryMs);

/** What would be tried again after its time is given up now. */
function inTime(deps: Pick<Deps, "clock">, pending: PendingCallback, end: CallbackEnd): CallbackEnd {
  if (end.state !== "waiting" || deps.clock.now() + end.retry_ms < pending.expires_ms) return end;
  return { state: "failed", last_status: end.last_status, reason: "expired" };
}

/** What policy is asked before anybody is told: whether the requester may read the task, now. It is no route. */
const TELLING = {
  id: "tasks.callback",
  method: "post",
  path: "/v1/tasks/{task_id}",
  action: "task:read",
  gate: "governed",
  credential: "compared",
  effect: "ambiguous",
  retry: "safe",
  ack: "commit",
  kind: "unary",
  ...NO_INPUT,
  params: z.strictObject({ task_id: TaskId }),
  success: [200, null, "The receiver was told."],
  problems: [],
  summary: "Tell the caller of a task that it has ended",
  tag: "Tasks",
  resource: { kind: "task", param: "task_id" },
} as const;

interface Telling {
  deps: Deps;
  parts: CallbackParts;
  state: TenantState;
  task: TaskId;
  pending: PendingCallback;
  call: CallbackCall;
  incoming: Incoming;
  by: Attribution;
}

/** From the live decision to how the receiver answered. Rejects for what is nobody's decision. */
async function tell(telling: Telling): Promise<Tried> {
  const { deps, state, task, pending, call, incoming } = telling;
  let tried: Tried | null = null;
  const telled: Operation = operation({
    ...TELLING,
    async execute(_deps, decided) {
      tried = await send(telling, decided);
      return value(null);
    },
  });
  const input = { params: { task_id: task }, query: undefined, body: undefined, rawBody: new Uint8Array() };
  const over = (end: CallbackEnd): Tried => ({ attempt: pending.attempts, end, by: telling.by });
  for (let again = false; ; again = true) {
    const identified = await authority(deps, state, call.actor);
    if (!identified.ok) return over({ state: "refused", last_status: pending.last_status, reason: "credential" });
    try {
      const refused = refuseState(telled, identified.value);
      if (refused) throw refused;
      await governed(telled, deps, incoming, identified.value, input, OCCASION);
      if (tried === null) throw new Error(`nothing became of the callback of ${task}`);
      return tried;
    } catch (thrown) {
      if (thrown instanceof StaleAccess && !again) continue;
      const problem = asProblem(thrown);
      const passing = PASSING[problem.slug];
      if (passing !== undefined) return over(postponed(pending, passing, LIMITS.callbackPostponeMs));
      if (problem.slug === "internal") throw thrown;
      return over({ state: "refused", last_status: pending.last_status, reason: "denied" });
    }
  }
}

/** The try itself, of a call that was decided. */
async function send({ deps, parts, state, task, pending, call, incoming }: Telling, decided: Call): Promise<Tried> {
  const record = unwrap(await deps.tenants.task(state.id, decided.access, task));
  // The log of a lost run may end before its task is settled: whoever asks is told of the whole.
  if (record.status === null)
    return {
      attempt: pending.attempts,
      end: postponed(pending, "unavailable", LIMITS.callbackPostponeMs),
      by: decided.by,
    };
  const begun = await deps.tasks.beginCallback(state.id, task);
  // Another try has ended it meanwhile: what this one does changes nothing any more.
  if (!begun.ok) throw new ProblemError("store-unavailable", {}, { cause: new Error(begun.error.reason) });
  const { attempt } = begun.value;
  const { result: _, ...envelope } = taskEnvelope(record);
  const event = callbackEvent(deps.cell, state.id, task, envelope);
  const delivery = await deliver(parts, {
    url: call.url,
    body: utf8(JSON.stringify(event)),
    delivery: deliveryOf(task),
    attempt,
    traceparent: incoming.span.traceparent,
  });
  return { attempt, end: endOf(deps, attempt, delivery), by: decided.by };
}

function endOf(deps: Pick<Deps, "ids">, attempt: number, delivery: Delivery): CallbackEnd {
  const last_status = delivery.status;
  if (delivery.outcome === "delivered") return { state: "delivered", last_status, reason: null };
  if (delivery.outcome === "gone") return { state: "stopped", last_status, reason: "gone" };
  const { reason } = delivery;
  if (attempt >= LIMITS.callbackTriesMax) return { state: "failed", last_status, reason };
  return {
    ...{ state: "waiting", last_status, reason },
    retry_ms: retryWait(attempt, chanceOf(deps), delivery.retry_after_ms),
  };
}
