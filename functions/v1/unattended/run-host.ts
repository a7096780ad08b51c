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
import { carryOut } from "./carry-out.ts";

export interface RunHostParts {
  channels: WorkerChannels;
  /** Whether `carry` stays until the run is over: where nothing else keeps the process at work on it. */
  awaited: boolean;
}

export type TakeRefusal = LeaseTaskRefusal | { reason: "canceled" } | { reason: "overloaded"; retry_after_ms: number };

/** A run that was begun for a worker. */
export interface TakenRun {
  fence: number;
  /** How it ended; never rejects. `lost`: somebody else has the task now, or it will be taken up again. */
  over: Promise<"done" | "lost">;
}

export interface RunHost extends Pick<Runner, "carry"> {
  /** Takes a task for a worker. What it is to do comes over the channel. */
  take(tenant: TenantId, task: TaskId, channel: WorkerChannel): Promise<Result<TakenRun, TakeRefusal>>;
}

/** After what passes by itself. */
const RETRY_MS = 1_000;

/**
 * Carries detached tasks out through the seam: the requester's credential is read again, tenant and policy are asked live,
 * admission answers what it answered first, and everything that the operation replies goes into the task's log. One that
 * may not or cannot run is ended with its problem as the answer.
 */
export function runHost(deps: Deps, operations: readonly Operation[], parts: RunHostParts): RunHost {
  const byId = new Map(operations.map((operation) => [operation.id, operation]));
  let running = 0;

  async function lease(tenant: TenantId, task: TaskId): Promise<Result<LeasedTask, TakeRefusal>> {
    if (running >= LIMITS.detachedRunsMax) return err({ reason: "overloaded", retry_after_ms: RETRY_MS });
    return deps.tasks.leaseTask(tenant, task, LIMITS.runLeaseMs);
  }

  /** The run of a leased task, and all that ends it. */
  async function run(tenant: TenantId, task: TaskId, leased: LeasedTask): Promise<"done" | "lost"> {
    running++;
    const leave = deps.lifecycle.enter();
    const stop = new AbortController();
    const kept = keepLease(deps, tenant, task, leased.fence, stop);
    try {
      await carryOut(deps, byId, { tenant, task, leased, stop, ends: endsUnrun(deps, leased) });
      return "done";
    } catch (cause) {
      if (!(cause instanceof Fenced)) {
        deps.telemetry.log.error("task.run", cause, { task });
        await deps.tasks.releaseTask(tenant, task, leased.fence, RETRY_MS).catch(() => {});
      }
      return "lost";
    } finally {
      kept.end();
      leave();
      running--;
    }
  }

  return {
    async carry(tenant, task) {
      const leased = await lease(tenant, task);
      if (!leased.ok) {
        if (leased.error.reason === "overloaded") throw new Error("as many tasks run here as may");
        return;
      }
      const { value } = leased;
      // Its worker is on the way: it was only looked at.
      if (value.queued && endsUnrun(deps, value) === null) {
        await deps.tasks.releaseTask(tenant, task, value.fence, RETRY_MS);
        return;
      }
      const over = run(tenant, task, value);
      if (parts.awaited) await over;
    },
    async take(tenant, task, channel) {
      const leased = await lease(tenant, task);
      if (!leased.ok) return leased;
      const { value } = leased;
      parts.channels.set(task, channel);
      const over = run(tenant, task, value).finally(() => parts.channels.delete(task));
      if (value.cancel) return over.then(() => err({ reason: "canceled" as const }));
      return ok({ fence: value.fence, over });
    },
  };
}

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

/** Renews the lease until `end`, and stops the run when the task is to be cancelled or somebody else has it. */
function keepLease(deps: Deps, tenant: TenantId, task: TaskId, fence: number, stop: AbortController): { end(): void } {
  let ended = false;
  const options = { life_ms: LIMITS.runLeaseMs, wait_ms: LIMITS.runLeaseMs / 3 };
  const loop = async (): Promise<void> => {
    while (!ended) {
      const renewed = await deps.tasks.renewTask(tenant, task, fence, options).catch(() => null);
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
