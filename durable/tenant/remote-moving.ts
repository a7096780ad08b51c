import type { TenantId } from "../../shared/contracts/ids.ts";
import type { DurableNamespace } from "../runtime/durable-object.ts";
import { remoteCall } from "../runtime/remote-call.ts";
import type { TenantMoving } from "./moving.ts";
import type { TenantObject } from "./object.ts";

/** The steps of a move over Durable Objects. */
export function remoteTenantMoving(objects: DurableNamespace<TenantObject>): TenantMoving {
  const at = (tenant: TenantId) => objects.getByName(tenant);
  return {
    leave: (tenant, ...args) => remoteCall(at(tenant).moveLeave(...args)),
    state: (tenant, ...args) => remoteCall(at(tenant).moveState(...args)),
    freeze: (tenant, ...args) => remoteCall(at(tenant).moveFreeze(...args)),
    partBegins: (tenant, ...args) => remoteCall(at(tenant).movePartBegins(...args)),
    notePart: (tenant, ...args) => remoteCall(at(tenant).moveNotePart(...args)),
    partDigests: (tenant, ...args) => remoteCall(at(tenant).movePartDigests(...args)),
    noteArchive: (tenant, ...args) => remoteCall(at(tenant).moveNoteArchive(...args)),
    stay: (tenant, ...args) => remoteCall(at(tenant).moveStay(...args)),
    release: (tenant, ...args) => remoteCall(at(tenant).moveRelease(...args)),
    names: (tenant, ...args) => remoteCall(at(tenant).moveNames(...args)),
    arrive: (tenant, ...args) => remoteCall(at(tenant).moveArrive(...args)),
    writePart: (tenant, ...args) => remoteCall(at(tenant).moveWritePart(...args)),
    holdsEntries: (tenant, ...args) => remoteCall(at(tenant).moveHoldsEntries(...args)),
    complete: (tenant, ...args) => remoteCall(at(tenant).moveComplete(...args)),
    settleIn: (tenant, ...args) => remoteCall(at(tenant).moveSettleIn(...args)),
    discard: (tenant, ...args) => remoteCall(at(tenant).moveDiscard(...args)),
    // Rows of a tenant's own object are dumped by its name, which is the tenant's id.
    dump: (name, cursor, bytesMax) => remoteCall(objects.getByName(name).dumpRows(cursor, bytesMax)),
  };
}
