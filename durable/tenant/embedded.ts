import type { TenantId } from "../../shared/contracts/ids.ts";
import type { Attribution } from "../../shared/contracts/ledger.ts";
import type { PolicyState } from "../../shared/contracts/ports/policy-store.ts";
import type { NewKey, TenantStore } from "../../shared/contracts/ports/tenant-store.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import type { StatementSigner } from "../../shared/crypto/policy-statement.ts";
import { type ReadingBody, readingArchive } from "../runtime/log/archived-read.ts";
import type { ObjectBody, ObjectClass, ObjectHost } from "../runtime/object-class.ts";
import type { PolicyLayerStore } from "../runtime/policy-layers.ts";
import * as core from "./core.ts";
import type { TenantClass } from "./object-class.ts";
import { shedding } from "./shedding.ts";

const unknownTenant = { reason: "unknown_tenant" } as const;

/** The port over objects in this process, or in a Durable Object over itself. `of` is this host's `tenantObjectClass`. */
export function embeddedTenantStore(host: ObjectHost, of: TenantClass): TenantStore {
  async function call<T, E>(
    tenant: TenantId,
    body: ObjectBody<Result<T, E>>,
  ): Promise<Result<T, E | typeof unknownTenant>> {
    return (await host.call(of, tenant, body)) ?? err(unknownTenant);
  }
  /** For steps that read entries, which may be pruned. */
  async function read<T, E>(
    tenant: TenantId,
    body: ReadingBody<Result<T, E>>,
  ): Promise<Result<T, E | typeof unknownTenant>> {
    const value = await readingArchive(of.log, tenant, (step) => host.call(of, tenant, step), body);
    return value ?? err(unknownTenant);
  }
  const origin = (tenant: TenantId): string => of.log?.origin(tenant) ?? tenant;
  return {
    provision: (tenant, spec) => host.provision(of, tenant, (sql, env) => core.provision(sql, env, tenant, spec)),
    lookup: (tenant, kid) =>
      call(tenant, (sql) => (core.isWritten(sql) ? ok(core.lookup(sql, kid)) : err(unknownTenant))),
    admit: (tenant, requests) =>
      shedding(requests, async () => {
        const outcomes = await host.call(of, tenant, (sql, env) => core.admit(sql, env, requests));
        return outcomes ?? requests.map(() => err(unknownTenant));
      }),
    async settle(tenant, requests) {
      const outcomes = await host.call(of, tenant, (sql, env) => core.settle(sql, env, requests));
      return outcomes ?? requests.map(() => err(unknownTenant));
    },
    refuse: (tenant, access, refusal) => call(tenant, (sql, env) => core.refuse(sql, env, access, refusal)),
    task: (tenant, access, task) => read(tenant, (sql, env, bundles) => core.task(sql, env, access, task, bundles)),
    usage: (tenant, access, query) => call(tenant, (sql, env) => core.usage(sql, env, access, query)),
    decision: (tenant, access, id) => call(tenant, (sql, env) => core.decision(sql, env, access, id)),
    decisions: (tenant, access, page) => call(tenant, (sql, env) => core.decisions(sql, env, access, page)),
    findApproval: (tenant, access, wanted) => call(tenant, (sql, env) => core.findApproval(sql, env, access, wanted)),
    requestApproval: (tenant, change, wanted) =>
      call(tenant, (sql, env) => core.requestApproval(sql, env, change, wanted)),
    decideApproval: (tenant, change, id, given) =>
      call(tenant, (sql, env) => core.decideApproval(sql, env, change, id, given)),
    approval: (tenant, access, id) => call(tenant, (sql, env) => core.approval(sql, env, access, id)),
    keepDecision: (tenant, access, kept) => call(tenant, (sql, env) => core.keepAlone(sql, env, access, kept)),
    approvalOfTask: (tenant, access, task) => call(tenant, (sql, env) => core.approvalByTask(sql, env, access, task)),
    listApprovals: (tenant, access, page) => call(tenant, (sql, env) => core.listApprovals(sql, env, access, page)),
    runApproval: (tenant, task, step, by) => call(tenant, (sql, env) => core.runApproval(sql, env, task, step, by)),
    change: (tenant, change, patch) => call(tenant, (sql, env) => core.change(sql, env, change, patch)),
    createKey: (tenant, change, key) => call(tenant, (sql, env) => core.createKey(sql, env, change, key)),
    rotateKey: (tenant, change, kid, successor) =>
      call(tenant, (sql, env) => core.rotateKey(sql, env, change, kid, successor)),
    revokeKey: (tenant, change, kid) => call(tenant, (sql, env) => core.revokeKey(sql, env, change, kid)),
    listKeys: (tenant, access, page) => call(tenant, (sql, env) => core.listKeys(sql, env, access, page)),
    putBudget: (tenant, change, budget, expected) =>
      call(tenant, (sql, env) => core.putBudget(sql, env, change, budget, expected)),
    deleteBudget: (tenant, change, budget) => call(tenant, (sql, env) => core.deleteBudget(sql, env, change, budget)),
    listBudgets: (tenant, access) => call(tenant, (sql, env) => core.listBudgets(sql, env, access)),
    putCredential: (tenant, change, credential) =>
      call(tenant, (sql, env) => core.putCredential(sql, env, change, credential)),
    deleteCredential: (tenant, change, ref) => call(tenant, (sql, env) => core.deleteCredential(sql, env, change, ref)),
    listCredentials: (tenant, access) => call(tenant, (sql, env) => core.listCredentials(sql, env, access)),
    credential: (tenant, access, ref) => call(tenant, (sql, env) => core.credential(sql, env, access, ref)),
    policyKeys: (tenant, access) => call(tenant, (sql, env) => core.policyKeys(sql, env, access)),
    putPolicyKey: (tenant, change, key) => call(tenant, (sql, env) => core.putPolicyKey(sql, env, change, key)),
    deletePolicyKey: (tenant, change, id) => call(tenant, (sql, env) => core.deletePolicyKey(sql, env, change, id)),
    beginContent: (tenant, wanted) => call(tenant, (sql, env) => core.beginContent(sql, env, wanted)),
    subjectKey: (tenant, id) => call(tenant, (sql) => core.subjectKey(sql, id)),
    eraseSubject: (tenant, change, subject) => call(tenant, (sql, env) => core.eraseSubject(sql, env, change, subject)),
    noteErased: (tenant, change, erased) => call(tenant, (sql, env) => core.noteErased(sql, env, change, erased)),
    erasures: (tenant, access, page) => call(tenant, (sql, env) => core.erasures(sql, env, access, page)),
    erasedSince: (tenant, access, subject, at_ms) =>
      call(tenant, (sql, env) => core.erasedSince(sql, env, access, subject, at_ms)),
    record: (tenant, entry) => call(tenant, (sql, env) => core.record(sql, env, entry)),
    log: (tenant, access) => call(tenant, (sql, env) => core.log(sql, env, access, origin(tenant))),
    proof: (tenant, access, task) =>
      read(tenant, (sql, env, bundles) => core.proof(sql, env, access, task, of.log !== null, bundles)),
    period: (tenant, access, period) =>
      read(tenant, (sql, env, bundles) =>
        core.period(sql, env, access, period, { origin: origin(tenant), publishes: of.log !== null }, bundles),
      ),
    ledger: (tenant, access, page) =>
      read(tenant, (sql, env, bundles) => core.ledgerPage(sql, env, access, page, bundles)),
  };
}

/** What whoever deploys a cell asks of a tenant's object. No part of the port that edges have, and no operation's. */
export interface OperatorGrants {
  /** Once for each key id, whatever became of the key since. */
  grant(
    tenant: TenantId,
    by: Attribution,
    key: Omit<NewKey, "cell_operator">,
  ): Promise<ReturnType<typeof core.grantOperator> | Result<never, typeof unknownTenant>>;
}

/** The same over objects in this process, or in a Durable Object over itself. */
export const embeddedOperatorGrants = (host: ObjectHost, of: TenantClass): OperatorGrants => ({
  async grant(tenant, by, key) {
    const granted = await host.call(of, tenant, (sql, env) =>
      core.isWritten(sql) ? core.grantOperator(sql, env, by, key) : err(unknownTenant),
    );
    return granted ?? err(unknownTenant);
  },
});

/** The tenants' layers of the policy port over the same objects; `sign` states their freshness. */
export function embeddedTenantPolicies(
  host: ObjectHost,
  of: ObjectClass,
  sign: StatementSigner,
): (tenant: TenantId) => PolicyLayerStore {
  return (tenant) => {
    async function call<T, E>(body: ObjectBody<Result<T, E>>): Promise<Result<T, E | typeof unknownTenant>> {
      return (await host.call(of, tenant, body)) ?? err(unknownTenant);
    }
    const stated = (state: core.PolicyLayerState, nowMs: number): PolicyState => ({
      ...state,
      statement: sign({ tenant, ...state }, nowMs),
    });
    return {
      state: () => call((sql, env) => ok(stated(core.policyState(sql), env.now))),
      bundle: (digest) => call((sql) => core.policyBundle(sql, digest)),
      put: (change, bundle) => call((sql, env) => core.putBundle(sql, env, change, bundle)),
      activate: (change, target) =>
        call((sql, env) => {
          const done = core.activateBundle(sql, env, change, target);
          return done.ok ? ok(stated(done.value, env.now)) : done;
        }),
      list: (access) => call((sql, env) => core.listBundles(sql, env, access)),
    };
  };
}
