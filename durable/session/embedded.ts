import type { TenantId } from "../../shared/contracts/ids.ts";
import type { SessionStore } from "../../shared/contracts/ports/session-store.ts";
import { err, type Result } from "../../shared/contracts/result.ts";
import type { ObjectBody, ObjectHost } from "../runtime/object-class.ts";
import { append, create, deleteItem, destroy, info, item, items, sessionClass, setMeta } from "./core.ts";
import { erase } from "./erase.ts";
import { sessionObjectName } from "./name.ts";
import { deleteResponse, putResponse, response } from "./responses.ts";
import type { Missing } from "./state.ts";

/** The port over objects in this process. */
export function embeddedSessionStore(host: ObjectHost): SessionStore {
  async function call<T, E>(
    tenant: TenantId,
    session: string,
    body: ObjectBody<Result<T, E>>,
  ): Promise<Result<T, E | Missing>> {
    const name = sessionObjectName(tenant, session);
    return (name === null ? undefined : await host.call(sessionClass, name, body)) ?? err({ reason: "not_found" });
  }
  return {
    async create(tenant, session, spec) {
      const name = sessionObjectName(tenant, session);
      if (name === null) throw new RangeError("a session has an unusable id");
      return host.provision(sessionClass, name, (sql, env) => create(sql, env, session, spec));
    },
    info: (tenant, session) => call(tenant, session, info),
    setMeta: (tenant, session, version, meta) => call(tenant, session, (sql, env) => setMeta(sql, env, version, meta)),
    append: (tenant, session, version, added) => call(tenant, session, (sql, env) => append(sql, env, version, added)),
    items: (tenant, session, page) => call(tenant, session, (sql, env) => items(sql, env, page)),
    item: (tenant, session, id) => call(tenant, session, (sql, env) => item(sql, env, id)),
    deleteItem: (tenant, session, id) => call(tenant, session, (sql, env) => deleteItem(sql, env, id)),
    putResponse: (tenant, session, stored, options) =>
      call(tenant, session, (sql, env) => putResponse(sql, env, stored, options)),
    response: (tenant, session, id) => call(tenant, session, (sql, env) => response(sql, env, id)),
    deleteResponse: (tenant, session, id) => call(tenant, session, (sql, env) => deleteResponse(sql, env, id)),
    erase: (tenant, session) => call(tenant, session, erase),
    destroy: (tenant, session) => call(tenant, session, destroy),
  };
}
