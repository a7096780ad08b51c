import type { CallbackEnd } from "../../../shared/contracts/callback.ts";
import type {
  DetachedState,
  DetachedTask,
  FenceRefusal,
  LeaseOptions,
  LiveFrames,
  LogEnd,
  LogHead,
  LogPart,
} from "../../../shared/contracts/ports/task-log.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import type { ObjectBody } from "../../runtime/object-class.ts";
import * as callbacks from "../callback.ts";
import * as core from "../detached.ts";
import * as log from "../log.ts";
import { LogHub } from "./hub.ts";
import type { PartJournal } from "./part-journal.ts";
import { watch } from "./watch.ts";

/** How one task's object is reached from here. */
export interface TaskHost {
  call<T>(name: string, body: ObjectBody<T>): Promise<T | undefined>;
  provision<T, E>(name: string, body: ObjectBody<Result<T, E>>): Promise<Result<T, E>>;
}

const notFound = err({ reason: "not_found" } as const);

/** Who writes a log, as the task's object last accepted it, and the next frame. */
interface Writer {
  fence: number;
  next: number;
  cancel: boolean;
}

export interface TaskLogParts {
  journal?: PartJournal | null;
  /** Names this process, which alone keeps these objects: leases that name another one are over. */
  incarnation?: string | null;
}

/**
 * The port by object name, over objects of this process; who watches is told in memory. With a journal, parts behind the
 * first one are made durable there, and come into the task's file with the next step that the object takes: whatever
 * reads or changes a task sees its whole log.
 */
export function taskLogs(objects: TaskHost, { journal = null, incarnation = null }: TaskLogParts = {}) {
  const hub = new LogHub();
  /** Whose parts the journal takes. Bodies change it: they run in the order in which leases are given. */
  const writers = new Map<string, Writer>();
  /** The fence under which a lease is being prolonged, also while that waits. */
  const renewing = new Map<string, number>();
  const host: TaskHost = journal === null ? objects : folding(objects, journal);
  /** What changed is durable, or may be: whoever watches may read it. */
  async function changing<T>(
    name: string,
    body: ObjectBody<Result<T, FenceRefusal>>,
  ): Promise<Result<T, FenceRefusal>> {
    try {
      const outcome = (await host.call(name, body)) ?? notFound;
      if (outcome.ok) hub.changed(name);
      return outcome;
    } catch (cause) {
      // It may be written all the same, and nobody may ever write again: whoever watches has to look.
      hub.changed(name);
      throw cause;
    }
  }
  /** Whoever wrote the log writes no more of it, or did not have it. */
  function over<T extends Result<unknown, unknown>>(name: string, outcome: T): T {
    if (outcome.ok) writers.delete(name);
    return outcome;
  }
  /** What a write that failed left is not known: the next part is judged by the object. */
  async function ownEnd<T>(name: string, wrote: Promise<T>): Promise<T> {
    try {
      return await wrote;
    } catch (cause) {
      writers.delete(name);
      throw cause;
    }
  }
  return {
    async detach(name: string, task: DetachedTask): Promise<void> {
      await host.provision(name, (sql, env) => core.detach(sql, env, task));
    },
    detached: async (name: string) => (await host.call(name, core.detachedState)) ?? notFound,
    detachedCall: async (name: string) => (await host.call(name, core.detachedCall)) ?? notFound,
    async leaseTask(name: string, options: LeaseOptions) {
      const leased = await host.call(name, (sql, env) => {
        // From here on the journal takes nothing of an earlier fence.
        return over(name, core.leaseTask(sql, env, options, incarnation, renewing.get(name) ?? null));
      });
      return leased ?? notFound;
    },
    async renewTask(
      name: string,
      fence: number,
      { life_ms, wait_ms }: { life_ms: number; wait_ms: number },
    ): Promise<Result<{ cancel: boolean }, FenceRefusal>> {
      // Waiting begins before the look, so that a cancellation in between is heard.
      const cancelled = wait_ms > 0 ? hub.awaitCancel(name, wait_ms) : null;
      renewing.set(name, fence);
      try {
        const renewed = (await host.call(name, (sql, env) => core.renewTask(sql, env, fence, life_ms))) ?? notFound;
        if (!renewed.ok || renewed.value.cancel || cancelled === null) return renewed;
        await cancelled;
        return (await host.call(name, (sql, env) => core.renewTask(sql, env, fence, life_ms))) ?? notFound;
      } finally {
        if (renewing.get(name) === fence) renewing.delete(name);
      }
    },
    async releaseTask(
      name: string,
      fence: number,
      options: { retry_ms: number; attempted: boolean },
    ): Promise<Result<null, FenceRefusal>> {
      const outcome = await changing(name, (sql, env) => over(name, core.releaseTask(sql, env, fence, options)));
      // Whoever waits for a cancellation learns that there is nothing left to cancel.
      if (outcome.ok) hub.cancelled(name);
      return outcome;
    },
    // Nobody is told: a head is shown with what comes behind it.
    openLog: async (name: string, fence: number, head: LogHead): Promise<Result<null, FenceRefusal>> =>
      (await host.call(name, (sql) => log.openLog(sql, fence, head))) ?? notFound,
    async showLog(name: string, fence: number, live: LiveFrames): Promise<void> {
      hub.show(name, fence, live);
    },
    async appendLog(name: string, fence: number, part: LogPart): Promise<Result<{ cancel: boolean }, FenceRefusal>> {
      const { from, frames, unseen } = part;
      const writer = writers.get(name);
      const next = from + frames;
      if (writer?.fence === fence && writer.next === from && unseen !== true) {
        const durable = journal?.append(name, part) ?? null;
        if (durable !== null) {
          writer.next = next;
          await ownEnd(name, durable);
          hub.durable(name, next - 1);
          return ok({ cancel: writer.cancel });
        }
      }
      const wrote = host.call(name, (sql) => {
        const outcome = log.appendLog(sql, fence, part);
        const row = core.detachedRow(sql);
        if (outcome.ok && unseen !== true && row)
          writers.set(name, { fence, next: row.frames + 1, cancel: row.cancel === 1 });
        else writers.delete(name);
        return outcome;
      });
      const outcome = (await ownEnd(name, wrote)) ?? notFound;
      if (!outcome.ok) return outcome;
      // From the first durable frame on its writer may show more.
      hub.writes(name, fence);
      if (unseen !== true) hub.durable(name, next - 1);
      return outcome;
    },
    async closeLog(name: string, fence: number, end: LogEnd): Promise<Result<null, FenceRefusal>> {
      const outcome = await changing(name, (sql, env) => over(name, log.closeLog(sql, env, fence, end)));
      if (!outcome.ok) return outcome;
      hub.ended(name);
      hub.cancelled(name);
      return outcome;
    },
    watchLog: (name: string, after: number) =>
      watch(
        hub,
        name,
        after,
        async (behind) => (await host.call(name, (sql, env) => log.readLog(sql, env, behind))) ?? notFound,
      ),
    async cancelTask(name: string): Promise<Result<DetachedState, { reason: "not_found" }>> {
      const outcome =
        (await host.call(name, (sql, env) => {
          const writer = writers.get(name);
          if (writer) writer.cancel = true;
          return core.cancelTask(sql, env);
        })) ?? notFound;
      if (outcome.ok) hub.cancelled(name);
      return outcome;
    },
    callback: async (name: string) => (await host.call(name, callbacks.readCallback)) ?? notFound,
    beginCallback: async (name: string) => (await host.call(name, callbacks.beginCallback)) ?? notFound,
    endCallback: async (name: string, attempt: number, end: CallbackEnd) =>
      (await host.call(name, (sql, env) => callbacks.endCallback(sql, env, attempt, end))) ?? notFound,
    forgetTask: async (name: string) => (await host.call(name, core.forgetTask)) ?? notFound,
  };
}

/** Every step of a task takes over first what the journal has of its log. A step that is run again finds the same parts. */
const folding = (objects: TaskHost, journal: PartJournal): TaskHost => ({
  async call<T>(name: string, body: ObjectBody<T>): Promise<T | undefined> {
    let upTo = 0;
    const outcome = await objects.call(name, (sql, env) => {
      upTo = log.foldParts(sql, journal.of(name));
      return body(sql, env);
    });
    // An object that is not there (any more) has no use for them.
    if (outcome === undefined) upTo = Number.MAX_SAFE_INTEGER;
    if (upTo > 0) journal.folded(name, upTo);
    return outcome;
  },
  provision: objects.provision,
});
