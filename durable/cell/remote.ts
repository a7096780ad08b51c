import type { CellStore } from "../../shared/contracts/ports/cell-store.ts";
import type { DurableNamespace } from "../runtime/durable-object.ts";
import { remoteCall } from "../runtime/remote-call.ts";
import type { CellObject } from "./object.ts";
import type { CellOrigin } from "./system-ledger.ts";

/** The port over the cell's Durable Object. */
export function remoteCellStore(objects: DurableNamespace<CellObject>, origin: CellOrigin): CellStore {
  const object = () => objects.getByName(origin.cell);
  return {
    activate: (digest, files) => remoteCall(object().activate(origin, digest, files)),
    active: () => remoteCall(object().active()),
    system: (events) => remoteCall(object().system(origin, events)),
    systemLedger: (page) => remoteCall(object().systemLedger(page)),
    count: (increments) => remoteCall(object().count(increments)),
    tenants: (page) => remoteCall(object().tenants(page)),
    registerTenant: (tenant) => remoteCall(object().registerTenant(tenant)),
  };
}
