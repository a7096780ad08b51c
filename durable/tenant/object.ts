import { DurableObject } from "cloudflare:workers";
import type { TenantId } from "../../shared/contracts/ids.ts";
import type { Attribution } from "../../shared/contracts/ledger.ts";
import type { EventSink } from "../../shared/contracts/ports/event-sink.ts";
import type { NewKey, TenantStore } from "../../shared/contracts/ports/tenant-store.ts";
import type { RowsCursor } from "../../shared/contracts/tenant-move.ts";
import type { StatementSigner } from "../../shared/crypto/policy-statement.ts";
import type { DurableState } from "../runtime/durable-object.ts";
import { DurableObjectShell, shellHost } from "../runtime/durable-object-shell.ts";
import type { LogParts } from "../runtime/log/parts.ts";
import type { PolicyLayerStore } from "../runtime/policy-layers.ts";
import {
  embeddedOperatorGrants,
  embeddedTenantPolicies,
  embeddedTenantStore,
  type OperatorGrants,
} from "./embedded.ts";
import { type TenantMoving, tenantMoving } from "./moving.ts";
import { tenantObjectClass } from "./object-class.ts";

/** Arguments of a method of the port without the tenant, which the object's name is. */
export type TenantArgs<M extends keyof TenantStore> = TenantStore[M] extends (
  tenant: TenantId,
  ...rest: infer A
) => unknown
  ? A
  : never;

/** Arguments of a method of the policy port, of which this object is one layer. */
export type PolicyArgs<M extends keyof PolicyLayerStore> = Parameters<PolicyLayerStore[M]>;

/** Arguments of a step of a move without the tenant. */
export type MovingArgs<M extends keyof TenantMoving> = TenantMoving[M] extends (
  tenant: TenantId,
  ...rest: infer A
) => unknown
  ? A
  : never;

/** What only the entry knows: where events go (without a sink they wait in the ledger), and the key of statements. */
export interface TenantParts {
  sink: EventSink | null;
  /** Where the ledger is published; without it entries stay unpublished in the object. */
  log?: LogParts | null;
  sign: StatementSigner;
}

/** One tenant on the Workers platform. The entry's subclass gives it its parts. */
export class TenantObject extends DurableObject {
  readonly #shell: DurableObjectShell;
  readonly #store: TenantStore;
  readonly #policies: PolicyLayerStore;
  readonly #moving: TenantMoving;
  readonly #operators: OperatorGrants;
  readonly #tenant: TenantId;

  constructor(ctx: DurableState, env: unknown, { sink, log = null, sign }: TenantParts) {
    super(ctx, env);
    const of = tenantObjectClass(sink, log);
    const shell = new DurableObjectShell(ctx, of);
    this.#shell = shell;
    this.#tenant = shell.name as TenantId; // safe because: objects are named by tenant id, and `remote.ts` does it
    // The port's own code over the single object that this is.
    const host = shellHost(shell);
    this.#moving = tenantMoving(host, of);
    this.#operators = embeddedOperatorGrants(host, of);
    this.#store = embeddedTenantStore(host, of);
    this.#policies = embeddedTenantPolicies(host, of, sign)(this.#tenant);
  }

  provision(...args: TenantArgs<"provision">) {
    return this.#store.provision(this.#tenant, ...args);
  }
  lookup(...args: TenantArgs<"lookup">) {
    return this.#store.lookup(this.#tenant, ...args);
  }
  admit(...args: TenantArgs<"admit">) {
    return this.#store.admit(this.#tenant, ...args);
  }
  settle(...args: TenantArgs<"settle">) {
    return this.#store.settle(this.#tenant, ...args);
  }
  refuse(...args: TenantArgs<"refuse">) {
    return this.#store.refuse(this.#tenant, ...args);
  }
  task(...args: TenantArgs<"task">) {
    return this.#store.task(this.#tenant, ...args);
  }
  usage(...args: TenantArgs<"usage">) {
    return this.#store.usage(this.#tenant, ...args);
  }
  decision(...args: TenantArgs<"decision">) {
    return this.#store.decision(this.#tenant, ...args);
  }
  decisions(...args: TenantArgs<"decisions">) {
    return this.#store.decisions(this.#tenant, ...args);
  }
  findApproval(...args: TenantArgs<"findApproval">) {
    return this.#store.findApproval(this.#tenant, ...args);
  }
  requestApproval(...args: TenantArgs<"requestApproval">) {
    return this.#store.requestApproval(this.#tenant, ...args);
  }
  decideApproval(...args: TenantArgs<"decideApproval">) {
    return this.#store.decideApproval(this.#tenant, ...args);
  }
  approval(...args: TenantArgs<"approval">) {
    return this.#store.approval(this.#tenant, ...args);
  }
  keepDecision(...args: TenantArgs<"keepDecision">) {
    return this.#store.keepDecision(this.#tenant, ...args);
  }
  approvalOfTask(...args: TenantArgs<"approvalOfTask">) {
    return this.#store.approvalOfTask(this.#tenant, ...args);
  }
  listApprovals(...args: TenantArgs<"listApprovals">) {
    return this.#store.listApprovals(this.#tenant, ...args);
  }
  runApproval(...args: TenantArgs<"runApproval">) {
    return this.#store.runApproval(this.#tenant, ...args);
  }
  change(...args: TenantArgs<"change">) {
    return this.#store.change(this.#tenant, ...args);
  }
  createKey(...args: TenantArgs<"createKey">) {
    return this.#store.createKey(this.#tenant, ...args);
  }
  rotateKey(...args: TenantArgs<"rotateKey">) {
    return this.#store.rotateKey(this.#tenant, ...args);
  }
  revokeKey(...args: TenantArgs<"revokeKey">) {
    return this.#store.revokeKey(this.#tenant, ...args);
  }
  listKeys(...args: TenantArgs<"listKeys">) {
    return this.#store.listKeys(this.#tenant, ...args);
  }
  putBudget(...args: TenantArgs<"putBudget">) {
    return this.#store.putBudget(this.#tenant, ...args);
  }
  deleteBudget(...args: TenantArgs<"deleteBudget">) {
    return this.#store.deleteBudget(this.#tenant, ...args);
  }
  listBudgets(...args: TenantArgs<"listBudgets">) {
    return this.#store.listBudgets(this.#tenant, ...args);
  }
  putCredential(...args: TenantArgs<"putCredential">) {
    return this.#store.putCredential(this.#tenant, ...args);
  }
  deleteCredential(...args: TenantArgs<"deleteCredential">) {
    return this.#store.deleteCredential(this.#tenant, ...args);
  }
  listCredentials(...args: TenantArgs<"listCredentials">) {
    return this.#store.listCredentials(this.#tenant, ...args);
  }
  credential(...args: TenantArgs<"credential">) {
    return this.#store.credential(this.#tenant, ...args);
  }
  policyKeys(...args: TenantArgs<"policyKeys">) {
    return this.#store.policyKeys(this.#tenant, ...args);
  }
  putPolicyKey(...args: TenantArgs<"putPolicyKey">) {
    return this.#store.putPolicyKey(this.#tenant, ...args);
  }
  deletePolicyKey(...args: TenantArgs<"deletePolicyKey">) {
    return this.#store.deletePolicyKey(this.#tenant, ...args);
  }
  beginContent(...args: TenantArgs<"beginContent">) {
    return this.#store.beginContent(this.#tenant, ...args);
  }
  subjectKey(...args: TenantArgs<"subjectKey">) {
    return this.#store.subjectKey(this.#tenant, ...args);
  }
  eraseSubject(...args: TenantArgs<"eraseSubject">) {
    return this.#store.eraseSubject(this.#tenant, ...args);
  }
  noteErased(...args: TenantArgs<"noteErased">) {
    return this.#store.noteErased(this.#tenant, ...args);
  }
  erasures(...args: TenantArgs<"erasures">) {
    return this.#store.erasures(this.#tenant, ...args);
  }
  erasedSince(...args: TenantArgs<"erasedSince">) {
    return this.#store.erasedSince(this.#tenant, ...args);
  }
  record(...args: TenantArgs<"record">) {
    return this.#store.record(this.#tenant, ...args);
  }
  log(...args: TenantArgs<"log">) {
    return this.#store.log(this.#tenant, ...args);
  }
  proof(...args: TenantArgs<"proof">) {
    return this.#store.proof(this.#tenant, ...args);
  }
  period(...args: TenantArgs<"period">) {
    return this.#store.period(this.#tenant, ...args);
  }
  ledger(...args: TenantArgs<"ledger">) {
    return this.#store.ledger(this.#tenant, ...args);
  }
  policyState() {
    return this.#policies.state();
  }
  policyBundle(...args: PolicyArgs<"bundle">) {
    return this.#policies.bundle(...args);
  }
  putBundle(...args: PolicyArgs<"put">) {
    return this.#policies.put(...args);
  }
  activateBundle(...args: PolicyArgs<"activate">) {
    return this.#policies.activate(...args);
  }
  listBundles(...args: PolicyArgs<"list">) {
    return this.#policies.list(...args);
  }
  grantOperator(by: Attribution, key: Omit<NewKey, "cell_operator">) {
    return this.#operators.grant(this.#tenant, by, key);
  }
  moveLeave(...args: MovingArgs<"leave">) {
    return this.#moving.leave(this.#tenant, ...args);
  }
  moveState(...args: MovingArgs<"state">) {
    return this.#moving.state(this.#tenant, ...args);
  }
  moveFreeze(...args: MovingArgs<"freeze">) {
    return this.#moving.freeze(this.#tenant, ...args);
  }
  movePartBegins(...args: MovingArgs<"partBegins">) {
    return this.#moving.partBegins(this.#tenant, ...args);
  }
  moveNotePart(...args: MovingArgs<"notePart">) {
    return this.#moving.notePart(this.#tenant, ...args);
  }
  movePartDigests(...args: MovingArgs<"partDigests">) {
    return this.#moving.partDigests(this.#tenant, ...args);
  }
  moveNoteArchive(...args: MovingArgs<"noteArchive">) {
    return this.#moving.noteArchive(this.#tenant, ...args);
  }
  moveStay(...args: MovingArgs<"stay">) {
    return this.#moving.stay(this.#tenant, ...args);
  }
  moveRelease(...args: MovingArgs<"release">) {
    return this.#moving.release(this.#tenant, ...args);
  }
  moveNames(...args: MovingArgs<"names">) {
    return this.#moving.names(this.#tenant, ...args);
  }
  moveArrive(...args: MovingArgs<"arrive">) {
    return this.#moving.arrive(this.#tenant, ...args);
  }
  moveWritePart(...args: MovingArgs<"writePart">) {
    return this.#moving.writePart(this.#tenant, ...args);
  }
  moveHoldsEntries(...args: MovingArgs<"holdsEntries">) {
    return this.#moving.holdsEntries(this.#tenant, ...args);
  }
  moveComplete(...args: MovingArgs<"complete">) {
    return this.#moving.complete(this.#tenant, ...args);
  }
  moveSettleIn(...args: MovingArgs<"settleIn">) {
    return this.#moving.settleIn(this.#tenant, ...args);
  }
  moveDiscard(...args: MovingArgs<"discard">) {
    return this.#moving.discard(this.#tenant, ...args);
  }
  dumpRows(cursor: RowsCursor | null, bytesMax: number) {
    return this.#moving.dump(this.#tenant, cursor, bytesMax);
  }

  alarm(): Promise<void> {
    return this.#shell.alarm();
  }
}
