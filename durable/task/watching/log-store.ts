import type { CallbackEnd } from "../../../shared/contracts/callback.ts";
import type {
  DetachedState,
  DetachedTask,
  FenceRefusal,
  LiveFrames,
  LogEnd,
  LogHead,
  LogPart,
} from "../../../shared/contracts/ports/task-log.ts";
import { err, type Result } from "../../../shared/contracts/result.ts";
import type { ObjectBody } from "../../runtime/object-class.ts";
import * as callbacks from "../callback.ts";
import * as core from "../detached.ts";
import * as log from "../log.ts";
import { LogHub } from "./hub.ts";
import { watch } from "./watch.ts";

/** How one task's object is reached from here. */
export interface TaskHost {
  call<T>(name: string, body: ObjectBody<T>): Promise<T | undefined>;
  provision<T, E>(name: string, body: ObjectBody<Result<T, E>>): Promise<Result<T, E>>;
}

const notFound = err({ reason: "not_found" } as const);

/** The port by object name, over objects of this process; who watches is told in memory. */
export function taskLogs(host: TaskHost) {
  const hub = new LogHub();
  /** What changed is durable: whoever watches may read it. */
  async function changing<T>(
    name: string,
    body: ObjectBody<Result<T, FenceRefusal>>,
  ): Promise<Result<T, FenceRefusal>> {
    const outcome = (await host.call(name, body)) ?? notFound;
    if (outcome.ok) hub.changed(name);
    return outcome;
  }
  return {
    async detach(name: string, task: DetachedTask): Promise<void> {
      await host.provision(name, (sql, env) => core.detach(sql, env, task));
    },
    detached: async (name: string) => (await host.call(name, core.detachedState)) ?? notFound,
    detachedCall: async (name: string) => (await host.call(name, core.detachedCall)) ?? notFound,
    leaseTask: async (name: string, options: { life_ms: number; held: boolean }) =>
      (await host.call(name, (sql, env) => core.leaseTask(sql, env, options))) ?? notFound,
    async renewTask(
      name: string,
      fence: number,
      { life_ms, wait_ms }: { life_ms: number; wait_ms: number },
    ): Promise<Result<{ cancel: boolean }, FenceRefusal>> {
      // Waiting begins before the look, so that a cancellation in between is heard.
      const cancelled = wait_ms > 0 ? hub.awaitCancel(name, wait_ms) : null;
      const renewed = (await host.call(name, (sql, env) => core.renewTask(sql, env, fence, life_ms))) ?? notFound;
      if (!renewed.ok || renewed.value.cancel || cancelled === null) return renewed;
      await cancelled;
      return (await host.call(name, (sql, env) => core.renewTask(sql, env, fence, life_ms))) ?? notFound;
    },
    async releaseTask(
      name: string,
      fence: number,
      options: { retry_ms: number; attempted: boolean },
    ): Promise<Result<null, FenceRefusal>> {
      const outcome = await changing(name, (sql, env) => core.releaseTask(sql, env, fence, options));
      // Whoever waits for a cancellation learns that there is nothing left to cancel.
      if (outcome.ok) hub.cancelled(name);
      return outcome;
    },
    openLog: (name: string, fence: number, head: LogHead) => changing(name, (sql) => log.openLog(sql, fence, head)),
    async showLog(name: string, fence: number, live: LiveFrames): Promise<void> {
      hub.show(name, fence, live);
    },
    async appendLog(name: string, fence: number, part: LogPart): Promise<Result<{ cancel: boolean }, FenceRefusal>> {
      const outcome = await changing(name, (sql) => log.appendLog(sql, fence, part));
      // From the first durable frame on its writer may show more.
      if (outcome.ok) hub.writes(name, fence);
      return outcome;
    },
    async closeLog(name: string, fence: number, end: LogEnd): Promise<Result<null, FenceRefusal>> {
      const outcome = await changing(name, (sql, env) => log.closeLog(sql, env, fence, end));
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
      const outcome = (await host.call(name, core.cancelTask)) ?? notFound;
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
