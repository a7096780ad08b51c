import type { TaskId, TenantId } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Runner } from "../../../shared/contracts/ports/runner.ts";
import type { LeasedTask, LeaseTaskRefusal } from "../../../shared/contracts/ports/task-log.ts";
import type { WorkerChannel, WorkerChannels } from "../../../shared/contracts/ports/worker-channel.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import type { Deps } from "../../context.ts";
import { Fenced } from "../../detached/write-log.ts";
import { ProblemError } from "../../problem.ts";
import type { Operation } from "../operation.ts";
import { actsHere } from "./acts-here.ts";
import { carryOut, NotBegun, NotHere } from "./carry-out.ts";

export interface RunHostParts {
  channels: WorkerChannels;
  /** Whether `carry` stays until the run is over: where nothing else keeps the process at work on it. */
  awaited: boolean;
  /** Names this process where it keeps the objects too: whoever keeps them next goes on at once. */
  holder?: string;
}

export type TakeRefusal = LeaseTaskRefusal | { reason: "canceled" } | { reason: "overloaded"; retry_after_ms: number };

/** A run that was begun for a worker. */
export interface TakenRun {
  fence: number;
  /** How it ended; never rejects. `lost`: somebody else has the task now, or it will be taken up again. */
  over: Promise<"done" | "lost">;
}

/** The worker that asks for a task. */
export interface AskingWorker {
  channel: WorkerChannel;
  /** Aborts when its connection is gone: the run is given up, and whoever takes the task next repeats it. */
  lost: AbortSignal;
  /** It has all that an earlier run of this task got from it, so that the run can be repeated. */
  held: boolean;
  /** The queue's name of its message. */
  message?: string;
}

export interface RunHost extends Pick<Runner, "carry"> {
  /** Takes a task for a worker. What it is to do comes over the channel. */
  take(tenant: TenantId, task: TaskId, worker: AskingWorker): Promise<Result<TakenRun, TakeRefusal>>;
}

interface Taken {
  tenant: TenantId;
  task: TaskId;
  leased: LeasedTask;
  /** Why it is only ended, not run. */
  ends: ProblemError | null;
  /** Of a worker's task; see `AskingWorker`. */
  lost: AbortSignal | null;
  /** Whose worker it is; null without one. */
  pool: string | null;
}

/** The run is broken off from here, with nothing settled. */
class GivenUp extends Fenced {}

/** After what passes by itself. */
const RETRY_MS = 1_000;

const retryOf = (cause: unknown): number =>
  cause instanceof GivenUp ? 0 : cause instanceof NotHere ? LIMITS.elsewhereRetryMs : RETRY_MS;

/**
 * Carries detached tasks out through the seam: the requester's credential is read again, tenant and policy are asked live,
 * admission answers what it answered first, and everything that the operation replies goes into the task's log. One that
 * may not or cannot run is ended with its problem as the answer.
 */
export function runHost(deps: Deps, operations: readonly Operation[], parts: RunHostParts): RunHost {
  const byId = new Map(operations.map((operation) => [operation.id, operation]));
  let running = 0;
  /** Renewals of leases came late: until this instant nothing more is begun, so that those that run lose nothing. */
  let lateUntilMs = 0;
  const late = (ms: number): void => {
    if (ms > LIMITS.detachedLateMsMax) lateUntilMs = deps.clock.now() + LIMITS.runLeaseMs / 3;
  };

  async function lease(
    tenant: TenantId,
    task: TaskId,
    asked: { held: boolean; message?: string },
  ): Promise<Result<LeasedTask, TakeRefusal>> {
    // A worker that comes back with what was delivered goes on with what runs already: turned away, it would be lost.
    if (!asked.held && (running >= LIMITS.detachedRunsMax || deps.clock.now() < lateUntilMs))
      return err({ reason: "overloaded", retry_after_ms: RETRY_MS });
    const holder = parts.holder === undefined ? {} : { holder: parts.holder };
    return deps.tasks.leaseTask(tenant, task, { life_ms: LIMITS.runLeaseMs, ...asked, ...holder });
  }

  /** Leaves the task to its next run, unless somebody else has it already. */
  async function leaveTask(tenant: TenantId, task: TaskId, fence: number, cause: unknown): Promise<void> {
    if (!(cause instanceof Fenced || cause instanceof NotBegun)) deps.telemetry.log.error("task.run", cause, { task });
    const attempted = !(cause instanceof NotBegun);
    // If this does not arrive, the lease ends by itself.
    await deps.tasks
      .releaseTask(tenant, task, fence, { retry_ms: retryOf(cause), attempted })
      .catch((failure: unknown) => deps.telemetry.log.warn("task.release", { task, cause: String(failure) }));
  }

  /** The run of a leased task, and all that ends it. */
  async function run(taken: Taken): Promise<"done" | "lost"> {
    const { tenant, task, leased, lost } = taken;
    running++;
    const leave = deps.lifecycle.enter();
    const stop = new AbortController();
    const kept = keepLease(deps, { tenant, task, fence: leased.fence }, stop, late);
    const confirm = async (): Promise<void> => {
      if (stop.signal.reason instanceof Fenced) throw stop.signal.reason;
      const { fence } = leased;
      const held = await deps.tasks.renewTask(tenant, task, fence, { life_ms: LIMITS.runLeaseMs, wait_ms: 0 });
      if (!held.ok) throw new Fenced(held.error.reason);
    };
    const giveUp = () => stop.abort(new GivenUp("the worker's connection is gone, or the process ends"));
    // Another process takes up what a worker does for this one; nobody takes up what a provider does.
    const gone = lost === null ? [] : [lost, deps.lifecycle.expired];
    for (const signal of gone) signal.addEventListener("abort", giveUp, { once: true });
    if (gone.some(({ aborted }) => aborted)) giveUp();
    try {
      await carryOut(deps, byId, { tenant, task, leased, stop, ends: taken.ends, pool: taken.pool, confirm });
      return "done";
    } catch (cause) {
      await leaveTask(tenant, task, leased.fence, cause);
      return "lost";
    } finally {
      for (const signal of gone) signal.removeEventListener("abort", giveUp);
      kept.end();
      leave();
      running--;
    }
  }

  return {
    async carry(tenant, task) {
      const leased = await lease(tenant, task, { held: false });
      if (!leased.ok) {
        if (leased.error.reason === "overloaded") throw new Error("as many tasks run here as may");
        return;
      }
      const { value } = leased;
      // Whoever has what was delivered was waited for.
      const ends = endsUnrun(deps, value) ?? (value.queued && value.frames > 0 ? notContinued() : null);
      // Its worker is on the way: it was only looked at.
      if (value.queued && ends === null) {
        await deps.tasks.releaseTask(tenant, task, value.fence, { retry_ms: RETRY_MS, attempted: false });
        return;
      }
      const over = run({ tenant, task, leased: value, ends, lost: null, pool: null });
      if (parts.awaited) await over;
    },
    async take(tenant, task, { channel, lost, held, message }) {
      if (deps.lifecycle.draining) return err({ reason: "overloaded", retry_after_ms: RETRY_MS });
      const asked = { held, ...(message === undefined ? {} : { message }) };
      const unknown = (cause: unknown) => new NotBegun("nobody told whether the tenant lives here", { cause });
      const [leased, here] = await Promise.all([lease(tenant, task, asked), actsHere(deps, tenant).catch(unknown)]);
      if (!leased.ok) return leased;
      const { value } = leased;
      if (here !== true) {
        const cause = here === false ? new NotHere("the tenant does not live here now") : here;
        await leaveTask(tenant, task, value.fence, cause);
        // Told that it is lost, its worker would ask again at once.
        if (here === false) return err({ reason: "not_found" });
        throw cause;
      }
      const ends = endsUnrun(deps, value) ?? (value.frames > 0 && !held ? notContinued() : null);
      if (ends === null) parts.channels.set(task, channel);
      const over = run({ tenant, task, leased: value, ends, lost, pool: channel.pool }).finally(() =>
        parts.channels.delete(task, channel),
      );
      if (ends === null) return ok({ fence: value.fence, over });
      // Nothing is left for a worker to do.
      if ((await over) === "lost") return err({ reason: "overloaded", retry_after_ms: RETRY_MS });
      if (value.cancel) return err({ reason: "canceled" });
      const again = await deps.tasks.leaseTask(tenant, task, { life_ms: LIMITS.runLeaseMs, ...asked });
      return again.ok ? err({ reason: "overloaded", retry_after_ms: RETRY_MS }) : again;
    },
  };
}

const notContinued = () =>
  new ProblemError("upstream-failed", { detail: "What was delivered could not be continued." });

/** Why a task is not run (any more), or null. */
function endsUnrun(deps: Pick<Deps, "clock">, leased: LeasedTask): ProblemError | null {
  if (leased.cancel) return new ProblemError("canceled");
  if (leased.deadline <= deps.clock.now()) return new ProblemError("deadline-exceeded");
  if (leased.attempts > LIMITS.detachedAttemptsMax)
    return new ProblemError("upstream-failed", { detail: "The task was begun too often without an end." });
  // A provider may have done its part for the run that was lost.
  if (!leased.queued && leased.attempts > 1) return new ProblemError("outcome-unknown");
  return null;
}

/**
 * Renews the lease until `end`, and stops the run when the task is to be cancelled or somebody else has it. `late` is told
 * how much later than asked each renewal was there.
 */
function keepLease(
  deps: Deps,
  { tenant, task, fence }: { tenant: TenantId; task: TaskId; fence: number },
  stop: AbortController,
  late: (ms: number) => void,
): { end(): void } {
  let ended = false;
  const options = { life_ms: LIMITS.runLeaseMs, wait_ms: LIMITS.runLeaseMs / 3 };
  const loop = async (): Promise<void> => {
    while (!ended) {
      const askedMs = deps.clock.now();
      const renewed = await deps.tasks.renewTask(tenant, task, fence, options).catch(() => null);
      late(deps.clock.now() - askedMs - options.wait_ms);
      if (ended) return;
      // The store did not answer: the lease still runs for two more tries.
      if (renewed === null) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      else if (!renewed.ok) return stop.abort(new Fenced(renewed.error.reason));
      else if (renewed.value.cancel) return stop.abort(new ProblemError("canceled"));
    }
  };
  void loop();
  return {
    end() {
      ended = true;
    },
  };
}
