import { DurableObject } from "cloudflare:workers";
import type { NewSession, SessionItem, StoredResponse } from "../../shared/contracts/ports/session-store.ts";
import { err, type Result } from "../../shared/contracts/result.ts";
import type { RowsCursor, TableRows } from "../../shared/contracts/tenant-move.ts";
import type { DurableState } from "../runtime/durable-object.ts";
import { DurableObjectShell, shellHost } from "../runtime/durable-object-shell.ts";
import { type MovedRows, movedRows } from "../runtime/moved-rows.ts";
import type { ObjectBody } from "../runtime/object-class.ts";
import {
  append,
  create,
  deleteItem,
  destroy,
  type ItemPage,
  info,
  item,
  items,
  sessionClass,
  setMeta,
} from "./core.ts";
import { erase } from "./erase.ts";
import { deleteResponse, type PutResponse, putResponse, response } from "./responses.ts";
import type { Missing } from "./state.ts";

/** One conversation on the Workers platform; the methods are those of the port, without tenant and session. */
export class SessionObject extends DurableObject {
  readonly #shell: DurableObjectShell;
  readonly #rows: MovedRows;

  constructor(ctx: DurableState, env: unknown) {
    super(ctx, env);
    this.#shell = new DurableObjectShell(ctx, sessionClass);
    this.#rows = movedRows(shellHost(this.#shell), sessionClass);
  }

  create(session: string, spec: NewSession) {
    return this.#shell.provision((sql, env) => create(sql, env, session, spec));
  }
  info() {
    return this.#call(info);
  }
  setMeta(expectedVersion: number, meta: Uint8Array | null) {
    return this.#call((sql, env) => setMeta(sql, env, expectedVersion, meta));
  }
  append(expectedVersion: number | null, added: SessionItem[]) {
    return this.#call((sql, env) => append(sql, env, expectedVersion, added));
  }
  items(page: ItemPage) {
    return this.#call((sql, env) => items(sql, env, page));
  }
  item(id: string) {
    return this.#call((sql, env) => item(sql, env, id));
  }
  deleteItem(id: string) {
    return this.#call((sql, env) => deleteItem(sql, env, id));
  }
  putResponse(stored: StoredResponse, options: PutResponse) {
    return this.#call((sql, env) => putResponse(sql, env, stored, options));
  }
  response(id: string) {
    return this.#call((sql, env) => response(sql, env, id));
  }
  deleteResponse(id: string) {
    return this.#call((sql, env) => deleteResponse(sql, env, id));
  }
  erase() {
    return this.#call(erase);
  }
  destroy() {
    return this.#call(destroy);
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

  async #call<T, E>(body: ObjectBody<Result<T, E>>): Promise<Result<T, E | Missing>> {
    return (await this.#shell.call(body)) ?? err({ reason: "not_found" });
  }
}
