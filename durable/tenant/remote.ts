import type { TenantId } from "../../shared/contracts/ids.ts";
import type { AdmitRequest, SettleRequest, TenantStore } from "../../shared/contracts/ports/tenant-store.ts";
import { batchesByName } from "../runtime/call-batches.ts";
import type { DurableNamespace } from "../runtime/durable-object.ts";
import type { PolicyLayerStore } from "../runtime/policy-layers.ts";
import { remoteCall } from "../runtime/remote-call.ts";
import type { OperatorGrants } from "./embedded.ts";
import type { TenantObject } from "./object.ts";
import { shedding } from "./shedding.ts";

/**
 * The port over Durable Objects, one per tenant and named by it. Admissions of concurrent calls to one tenant travel
 * together, and so do settlements: the object decides on each by itself.
 */
export function remoteTenantStore(objects: DurableNamespace<TenantObject>): TenantStore {
  const object = (tenant: TenantId) => objects.getByName(tenant);
  const admits = batchesByName((tenant: TenantId, requests: AdmitRequest[]) =>
    remoteCall(object(tenant).admit(requests)),
  );
  const settles = batchesByName((tenant: TenantId, requests: SettleRequest[]) =>
    remoteCall(object(tenant).settle(requests)),
  );
  return {
    provision: (tenant, ...args) => remoteCall(object(tenant).provision(...args)),
    lookup: (tenant, ...args) => remoteCall(object(tenant).lookup(...args)),
    admit: (tenant, requests) => shedding(requests, () => admits(tenant, requests)),
    settle: settles,
    refuse: (tenant, ...args) => remoteCall(object(tenant).refuse(...args)),
    task: (tenant, ...args) => remoteCall(object(tenant).task(...args)),
    usage: (tenant, ...args) => remoteCall(object(tenant).usage(...args)),
    decision: (tenant, ...args) => remoteCall(object(tenant).decision(...args)),
    decisions: (tenant, ...args) => remoteCall(object(tenant).decisions(...args)),
    findApproval: (tenant, ...args) => remoteCall(object(tenant).findApproval(...args)),
    requestApproval: (tenant, ...args) => remoteCall(object(tenant).requestApproval(...args)),
    decideApproval: (tenant, ...args) => remoteCall(object(tenant).decideApproval(...args)),
    approval: (tenant, ...args) => remoteCall(object(tenant).approval(...args)),
    keepDecision: (tenant, ...args) => remoteCall(object(tenant).keepDecision(...args)),
    approvalOfTask: (tenant, ...args) => remoteCall(object(tenant).approvalOfTask(...args)),
    listApprovals: (tenant, ...args) => remoteCall(object(tenant).listApprovals(...args)),
    runApproval: (tenant, ...args) => remoteCall(object(tenant).runApproval(...args)),
    change: (tenant, ...args) => remoteCall(object(tenant).change(...args)),
    createKey: (tenant, ...args) => remoteCall(object(tenant).createKey(...args)),
    rotateKey: (tenant, ...args) => remoteCall(object(tenant).rotateKey(...args)),
    revokeKey: (tenant, ...args) => remoteCall(object(tenant).revokeKey(...args)),
    listKeys: (tenant, ...args) => remoteCall(object(tenant).listKeys(...args)),
    putBudget: (tenant, ...args) => remoteCall(object(tenant).putBudget(...args)),
    deleteBudget: (tenant, ...args) => remoteCall(object(tenant).deleteBudget(...args)),
    listBudgets: (tenant, ...args) => remoteCall(object(tenant).listBudgets(...args)),
    putCredential: (tenant, ...args) => remoteCall(object(tenant).putCredential(...args)),
    deleteCredential: (tenant, ...args) => remoteCall(object(tenant).deleteCredential(...args)),
    listCredentials: (tenant, ...args) => remoteCall(object(tenant).listCredentials(...args)),
    credential: (tenant, ...args) => remoteCall(object(tenant).credential(...args)),
    policyKeys: (tenant, ...args) => remoteCall(object(tenant).policyKeys(...args)),
    putPolicyKey: (tenant, ...args) => remoteCall(object(tenant).putPolicyKey(...args)),
    deletePolicyKey: (tenant, ...args) => remoteCall(object(tenant).deletePolicyKey(...args)),
    beginContent: (tenant, ...args) => remoteCall(object(tenant).beginContent(...args)),
    subjectKey: (tenant, ...args) => remoteCall(object(tenant).subjectKey(...args)),
    eraseSubject: (tenant, ...args) => remoteCall(object(tenant).eraseSubject(...args)),
    noteErased: (tenant, ...args) => remoteCall(object(tenant).noteErased(...args)),
    erasures: (tenant, ...args) => remoteCall(object(tenant).erasures(...args)),
    erasedSince: (tenant, ...args) => remoteCall(object(tenant).erasedSince(...args)),
    record: (tenant, ...args) => remoteCall(object(tenant).record(...args)),
    log: (tenant, ...args) => remoteCall(object(tenant).log(...args)),
    proof: (tenant, ...args) => remoteCall(object(tenant).proof(...args)),
    period: (tenant, ...args) => remoteCall(object(tenant).period(...args)),
    ledger: (tenant, ...args) => remoteCall(object(tenant).ledger(...args)),
  };
}

/** The grants of whoever deploys the cell, over the same objects. */
export const remoteOperatorGrants = (objects: DurableNamespace<TenantObject>): OperatorGrants => ({
  grant: (tenant, by, key) => remoteCall(objects.getByName(tenant).grantOperator(by, key)),
});

/** The tenants' layers of the policy port over their Durable Objects. */
export const remoteTenantPolicies =
  (objects: DurableNamespace<TenantObject>) =>
  (tenant: TenantId): PolicyLayerStore => ({
    state: () => remoteCall(objects.getByName(tenant).policyState()),
    bundle: (...args) => remoteCall(objects.getByName(tenant).policyBundle(...args)),
    put: (...args) => remoteCall(objects.getByName(tenant).putBundle(...args)),
    activate: (...args) => remoteCall(objects.getByName(tenant).activateBundle(...args)),
    list: (...args) => remoteCall(objects.getByName(tenant).listBundles(...args)),
  });
