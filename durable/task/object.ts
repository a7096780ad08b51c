import { DurableObject } from "cloudflare:workers";
import type { StoredResult } from "../../shared/contracts/ports/task-store.ts";
import { err, type Result } from "../../shared/contracts/result.ts";
import type { DurableState } from "../runtime/durable-object.ts";
import { DurableObjectShell } from "../runtime/durable-object-shell.ts";
import { putResult, readResult, type TaskResultRefusal, taskClass } from "./core.ts";

/** One task's result on the Workers platform. */
export class TaskObject extends DurableObject {
  readonly #shell: DurableObjectShell;

  constructor(ctx: DurableState, env: unknown) {
    super(ctx, env);
    this.#shell = new DurableObjectShell(ctx, taskClass);
  }

  async putResult(result: StoredResult): Promise<void> {
    await this.#shell.provision((sql, env) => putResult(sql, env, result));
  }

  async result(): Promise<Result<StoredResult, TaskResultRefusal>> {
    return (await this.#shell.call(readResult)) ?? err({ reason: "not_found" });
  }

  alarm(): Promise<void> {
    return this.#shell.alarm();
  }
}
