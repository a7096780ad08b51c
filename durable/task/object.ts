import { DurableObject } from "cloudflare:workers";
import type { Runner } from "../../shared/contracts/ports/runner.ts";
import type { StoredResult, TaskPayload } from "../../shared/contracts/ports/task-store.ts";
import { err, type Result } from "../../shared/contracts/result.ts";
import type { DurableState } from "../runtime/durable-object.ts";
import { DurableObjectShell } from "../runtime/durable-object-shell.ts";
import { putResult, readResult, type TaskResultRefusal } from "./core.ts";
import { taskObjectClass } from "./object-class.ts";
import * as run from "./run.ts";

const notFound = err({ reason: "not_found" } as const);

/** One task on the Workers platform: its result, and what it waits to do. */
export class TaskObject extends DurableObject {
  readonly #shell: DurableObjectShell;

  constructor(ctx: DurableState, env: unknown, runner: Runner | null = null) {
    super(ctx, env);
    this.#shell = new DurableObjectShell(ctx, taskObjectClass(runner));
  }

  async putResult(result: StoredResult): Promise<void> {
    await this.#shell.provision((sql, env) => putResult(sql, env, result));
  }

  async result(): Promise<Result<StoredResult, TaskResultRefusal>> {
    return (await this.#shell.call(readResult)) ?? notFound;
  }

  async putPayload(payload: TaskPayload): Promise<void> {
    await this.#shell.provision((sql, env) => run.putPayload(sql, env, payload));
  }

  async payload(digest: string) {
    return (await this.#shell.call((sql) => run.readPayload(sql, digest))) ?? notFound;
  }

  async startRun() {
    return (await this.#shell.call(run.startRun)) ?? notFound;
  }

  async leaseRun(lifeMs: number) {
    return (await this.#shell.call((sql, env) => run.leaseRun(sql, env, lifeMs))) ?? notFound;
  }

  async endRun(fence: number, end: { done: true } | { done: false; retry_ms: number }) {
    return (await this.#shell.call((sql, env) => run.endRun(sql, env, fence, end))) ?? notFound;
  }

  alarm(): Promise<void> {
    return this.#shell.alarm();
  }
}
