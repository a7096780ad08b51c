import type { TenantId } from "../../shared/contracts/ids.ts";
import type { SessionStore } from "../../shared/contracts/ports/session-store.ts";
import { err, type Result } from "../../shared/contracts/result.ts";
import type { DurableNamespace, Stub } from "../runtime/durable-object.ts";
import { remoteCall } from "../runtime/remote-call.ts";
import { sessionObjectName } from "./name.ts";
import type { SessionObject } from "./object.ts";
import type { Missing } from "./state.ts";

/** The port over Durable Objects. */
export function remoteSessionStore(objects: DurableNamespace<SessionObject>): SessionStore {
  async function call<T, E>(
    tenant: TenantId,
    session: string,
    send: (object: Stub<SessionObject>) => Promise<Result<T, E>>,
  ): Promise<Result<T, E | Missing>> {
    const name = sessionObjectName(tenant, session);
    return name === null ? err({ reason: "not_found" }) : remoteCall(send(objects.getByName(name)));
  }
  return {
    async create(tenant, session, spec) {
      const name = sessionObjectName(tenant, session);
      if (name === null) throw new RangeError("a session has an unusable id");
      return remoteCall(objects.getByName(name).create(session, spec));
    },
    info: (tenant, session) => call(tenant, session, (object) => object.info()),
    setMeta: (tenant, session, version, meta) => call(tenant, session, (object) => object.setMeta(version, meta)),
    append: (tenant, session, version, added) => call(tenant, session, (object) => object.append(version, added)),
    items: (tenant, session, page) => call(tenant, session, (object) => object.items(page)),
    item: (tenant, session, id) => call(tenant, session, (object) => object.item(id)),
    deleteItem: (tenant, session, id) => call(tenant, session, (object) => object.deleteItem(id)),
    putResponse: (tenant, session, stored, options) =>
      call(tenant, session, (object) => object.putResponse(stored, options)),
    response: (tenant, session, id) => call(tenant, session, (object) => object.response(id)),
    deleteResponse: (tenant, session, id) => call(tenant, session, (object) => object.deleteResponse(id)),
    erase: (tenant, session) => call(tenant, session, (object) => object.erase()),
    destroy: (tenant, session) => call(tenant, session, (object) => object.destroy()),
  };
}
