import { DurableObject } from "cloudflare:workers";
import type { CallbackEnd } from "../../shared/contracts/callback.ts";
import type {
  DetachedTask,
  LeaseOptions,
  LiveFrames,
  LogEnd,
  LogHead,
  LogPart,
} from "../../shared/contracts/ports/task-log.ts";
import type { StoredResult, TaskPayload } from "../../shared/contracts/ports/task-store.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import type { RowsCursor, TableRows } from "../../shared/contracts/tenant-move.ts";
import type { DurableState } from "../runtime/durable-object.ts";
import { DurableObjectShell, shellHost } from "../runtime/durable-object-shell.ts";
import { type MovedRows, movedRows } from "../runtime/moved-rows.ts";
import { putResult, readResult, type TaskResultRefusal } from "./core.ts";
import { type TaskParts, taskObjectClass } from "./object-class.ts";
import * as run from "./run.ts";
import { taskLogs } from "./watching/log-store.ts";
import { encodeLogItem } from "./watching/log-wire.ts";

const notFound = err({ reason: "not_found" } as const);
/** The hub's name of the one task that this object is. */
const SELF = "";

/** One task on the Workers platform: its result, what it waits to do, and its log. */
export class TaskObject extends DurableObject {
  readonly #shell: DurableObjectShell;
  readonly #rows: MovedRows;
  readonly #logs: ReturnType<typeof taskLogs>;

  constructor(ctx: DurableState, env: unknown, parts: TaskParts | null = null) {
    super(ctx, env);
    const of = taskObjectClass(parts);
    const shell = new DurableObjectShell(ctx, of);
    this.#shell = shell;
    this.#rows = movedRows(shellHost(shell), of);
    this.#logs = taskLogs({
      call: (_name, body) => shell.call(body),
      provision: (_name, body) => shell.provision(body),
    });
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

  detach(task: DetachedTask) {
    return this.#logs.detach(SELF, task);
  }
  detached() {
    return this.#logs.detached(SELF);
  }
  detachedCall() {
    return this.#logs.detachedCall(SELF);
  }
  leaseTask(options: LeaseOptions) {
    return this.#logs.leaseTask(SELF, options);
  }
  renewTask(fence: number, options: { life_ms: number; wait_ms: number }) {
    return this.#logs.renewTask(SELF, fence, options);
  }
  releaseTask(fence: number, options: { retry_ms: number; attempted: boolean }) {
    return this.#logs.releaseTask(SELF, fence, options);
  }
  openLog(fence: number, head: LogHead) {
    return this.#logs.openLog(SELF, fence, head);
  }
  showLog(fence: number, live: LiveFrames) {
    return this.#logs.showLog(SELF, fence, live);
  }
  appendLog(fence: number, part: LogPart) {
    return this.#logs.appendLog(SELF, fence, part);
  }
  closeLog(fence: number, end: LogEnd) {
    return this.#logs.closeLog(SELF, fence, end);
  }
  /** As bytes: the platform carries byte streams only. */
  async watchLog(after: number) {
    const watched = await this.#logs.watchLog(SELF, after);
    if (!watched.ok) return watched;
    const items = watched.value.getReader();
    return ok(
      new ReadableStream({
        type: "bytes",
        async pull(controller) {
          const { done, value } = await items.read();
          if (done) controller.close();
          else controller.enqueue(encodeLogItem(value));
        },
        cancel: (cause) => items.cancel(cause),
      }),
    );
  }
  cancelTask() {
    return this.#logs.cancelTask(SELF);
  }
  callback() {
    return this.#logs.callback(SELF);
  }
  beginCallback() {
    return this.#logs.beginCallback(SELF);
  }
  endCallback(attempt: number, end: CallbackEnd) {
    return this.#logs.endCallback(SELF, attempt, end);
  }
  forgetTask() {
    return this.#logs.forgetTask(SELF);
  }

  dumpRows(cursor: RowsCursor | null, bytesMax: number) {
    return this.#rows.dump(this.#shell.name, cursor, bytesMax);
  }
  placeRows(archive: string, tables: TableRows[]) {
    return this.#rows.place(this.#shell.name, archive, tables);
  }

  alarm(): Promise<void> {
    return this.#shell.alarm();
  }
}
