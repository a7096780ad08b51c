import type { CellStore } from "../../shared/contracts/ports/cell-store.ts";
import type { DurableNamespace } from "../runtime/durable-object.ts";
import type { PolicyLayerStore } from "../runtime/policy-layers.ts";
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
    systemLedger: (page) => remoteCall(object().systemLedger(origin, page)),
    systemLog: () => remoteCall(object().systemLog(origin)),
    systemPeriod: (period) => remoteCall(object().systemPeriod(origin, period)),
    count: (increments) => remoteCall(object().count(increments)),
    poolReport: (report) => remoteCall(object().poolReport(report)),
    pools: () => remoteCall(object().pools()),
    tenants: (page) => remoteCall(object().tenants(page)),
    registerTenant: (tenant) => remoteCall(object().registerTenant(tenant)),
  };
}

/** The cell's layer of the policy port over its Durable Object. */
export function remoteCellPolicies(objects: DurableNamespace<CellObject>, origin: CellOrigin): PolicyLayerStore {
  const object = () => objects.getByName(origin.cell);
  return {
    state: () => remoteCall(object().policyState(origin)),
    bundle: (...args) => remoteCall(object().policyBundle(origin, ...args)),
    put: (...args) => remoteCall(object().putBundle(origin, ...args)),
    activate: (...args) => remoteCall(object().activateBundle(origin, ...args)),
    list: (...args) => remoteCall(object().listBundles(origin, ...args)),
  };
}
