import { DurableObject } from "cloudflare:workers";
import type { BatchId, FileId } from "../../shared/contracts/ids.ts";
import type {
  BatchRunner,
  BatchStore,
  FilePurpose,
  FileRecord,
  ListQuery,
  NewBatch,
  SettledLines,
  ValidatedLines,
} from "../../shared/contracts/ports/batch-store.ts";
import { err, type Result } from "../../shared/contracts/result.ts";
import type { RowsCursor, TableRows } from "../../shared/contracts/tenant-move.ts";
import type { DurableState } from "../runtime/durable-object.ts";
import { DurableObjectShell, shellHost } from "../runtime/durable-object-shell.ts";
import { type MovedRows, movedRows } from "../runtime/moved-rows.ts";
import type { ObjectBody } from "../runtime/object-class.ts";
import { activeBatches, batch, batches, cancelBatch, createBatch } from "./batches.ts";
import { beginFile, dropFile, file, files, keepFile } from "./files.ts";
import { batchObjectClass } from "./object-class.ts";
import * as turn from "./turn.ts";

/** Files and batches of one tenant on the Workers platform; the methods are those of the port, without tenant. */
export class BatchObject extends DurableObject {
  readonly #shell: DurableObjectShell;
  readonly #rows: MovedRows;

  constructor(ctx: DurableState, env: unknown, runner: BatchRunner | null = null) {
    super(ctx, env);
    const of = batchObjectClass(runner);
    this.#shell = new DurableObjectShell(ctx, of);
    this.#rows = movedRows(shellHost(this.#shell), of);
  }

  beginFile(one: Pick<FileRecord, "id" | "workspace">) {
    return this.#shell.provision((sql, env) => beginFile(sql, env, one));
  }
  keepFile(id: FileId, kept: Parameters<BatchStore["keepFile"]>[2]) {
    return this.#call((sql, env) => keepFile(sql, env, id, kept));
  }
  file(id: FileId) {
    return this.#call((sql, env) => file(sql, env, id));
  }
  async files(query: ListQuery & { purpose: FilePurpose | null }) {
    return (await this.#shell.call((sql, env) => files(sql, env, query))) ?? { data: [], more: false };
  }
  dropFile(id: FileId) {
    return this.#call((sql, env) => dropFile(sql, env, id));
  }
  createBatch(one: NewBatch) {
    return this.#shell.provision((sql, env) => createBatch(sql, env, one));
  }
  batch(id: BatchId) {
    return this.#call((sql, env) => batch(sql, env, id));
  }
  async batches(query: ListQuery) {
    return (await this.#shell.call((sql, env) => batches(sql, env, query))) ?? { data: [], more: false };
  }
  cancelBatch(id: BatchId) {
    return this.#call((sql, env) => cancelBatch(sql, env, id));
  }
  leaseBatch(id: BatchId, lifeMs: number) {
    return this.#call((sql, env) => turn.leaseBatch(sql, env, id, lifeMs));
  }
  releaseBatch(id: BatchId, fence: number, retryMs: number) {
    return this.#call((sql, env) => turn.releaseBatch(sql, env, id, fence, retryMs));
  }
  renewBatch(id: BatchId, fence: number) {
    return this.#call((sql, env) => turn.renewBatch(sql, env, id, fence));
  }
  validated(id: BatchId, fence: number, step: ValidatedLines) {
    return this.#call((sql, env) => turn.validated(sql, env, id, fence, step));
  }
  takeLines(id: BatchId, fence: number, taken: Parameters<BatchStore["takeLines"]>[3]) {
    return this.#call((sql, env) => turn.takeLines(sql, env, id, fence, taken));
  }
  retryLine(id: BatchId, fence: number, line: number) {
    return this.#call((sql, env) => turn.retryLine(sql, env, id, fence, line));
  }
  settleLines(id: BatchId, fence: number, settled: SettledLines) {
    return this.#call((sql, env) => turn.settleLines(sql, env, id, fence, settled));
  }
  finalizing(id: BatchId, fence: number) {
    return this.#call((sql, env) => turn.finalizing(sql, env, id, fence));
  }
  finishBatch(id: BatchId, fence: number, end: { has_output: boolean; has_errors: boolean }) {
    return this.#call((sql, env) => turn.finishBatch(sql, env, id, fence, end));
  }

  /** Batches that have not ended. */
  async activeBatches() {
    return (await this.#shell.call(activeBatches)) ?? 0;
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

  async #call<T, E>(body: ObjectBody<Result<T, E>>): Promise<Result<T, E | { reason: "not_found" }>> {
    return (await this.#shell.call(body)) ?? err({ reason: "not_found" });
  }
}
