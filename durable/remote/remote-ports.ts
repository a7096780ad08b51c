import type { BatchStore } from "../../shared/contracts/ports/batch-store.ts";
import type { CellStore } from "../../shared/contracts/ports/cell-store.ts";
import type { ControlDb } from "../../shared/contracts/ports/control-db.ts";
import type { JobQueue } from "../../shared/contracts/ports/job-queue.ts";
import type { ObjectPlacement, ObjectStore } from "../../shared/contracts/ports/object-store.ts";
import type { PolicyStore } from "../../shared/contracts/ports/policy-store.ts";
import type { SessionStore } from "../../shared/contracts/ports/session-store.ts";
import type { Signer } from "../../shared/contracts/ports/signer.ts";
import type { TaskStore } from "../../shared/contracts/ports/task-store.ts";
import type { TenantMoves } from "../../shared/contracts/ports/tenant-moves.ts";
import type { TenantStore } from "../../shared/contracts/ports/tenant-store.ts";

/** What edges learn of the cell that they stand before. */
export interface CellFacts {
  cell: string;
  jurisdiction: string;
  /** `<version>+<digest>` of the code that the objects run. */
  release: string;
  ledger_origin: string;
  archive: ObjectPlacement;
  queue: JobQueue["placement"];
  /** Every store of the cell, for its statement of residency. */
  stores: readonly { purpose: string; technology: string; jurisdiction: string; worm: string }[];
  /** Whether their disk takes what calls write, as of this answer; objects of earlier releases do not say. */
  disk?: { ready: boolean; reason: string | null };
}

/** Each answer of the signer as it crosses a process: what failed is data, too. */
type Crossing<M> = M extends (...args: infer A) => unknown ? (...args: A) => Promise<unknown> : never;

/** Every port that a process of objects serves to edges. */
export interface RemotePorts {
  tenant: TenantStore;
  session: SessionStore;
  task: TaskStore;
  batch: BatchStore;
  cell: CellStore;
  policy: PolicyStore;
  control: Pick<ControlDb, "withTenant" | "asOperator" | "ready">;
  archive: ObjectStore;
  queue: JobQueue;
  signer: { [M in "keys" | "signStatement"]: Crossing<Signer[M]> };
  moves: TenantMoves;
  host: { facts(): Promise<CellFacts> };
}

/**
 * `read` and `repeatable` calls may be made again when their answer is lost: the latter because the object knows them by
 * their own id and answers what it answered first, or because making them twice leaves what making them once does. `once`
 * may not. `waits`: repeatable, and answered only when something happens, so it travels alone. `stream`: a read whose answer
 * has bytes behind it. `upload`: once, with bytes behind the call.
 */
export type MethodKind = "read" | "repeatable" | "once" | "waits" | "stream" | "upload";

type MethodNames<P> = { [M in keyof P]: P[M] extends (...args: never[]) => Promise<unknown> ? M : never }[keyof P];
interface RemoteClass<P> {
  /** How many arguments name the object. */
  names: number;
  methods: { readonly [M in Exclude<MethodNames<P>, "close">]: MethodKind };
}

/** Every method of every port, so that none crosses a process without a word on what its repetition does. */
export const REMOTE_CLASSES: { readonly [C in keyof RemotePorts]: RemoteClass<RemotePorts[C]> } = {
  tenant: {
    names: 1,
    methods: {
      provision: "once",
      lookup: "read",
      // Under the same task ids only: an open task answers as it did first, one that has ended never runs again.
      admit: "repeatable",
      settle: "repeatable",
      refuse: "once",
      task: "read",
      usage: "read",
      keepDecision: "repeatable",
      decision: "read",
      decisions: "read",
      change: "once",
      createKey: "once",
      rotateKey: "once",
      revokeKey: "repeatable",
      listKeys: "read",
      putBudget: "once",
      deleteBudget: "once",
      listBudgets: "read",
      putCredential: "once",
      deleteCredential: "once",
      listCredentials: "read",
      credential: "read",
      record: "repeatable",
      log: "read",
      proof: "read",
      period: "read",
      ledger: "read",
      findApproval: "read",
      requestApproval: "once",
      decideApproval: "once",
      approval: "read",
      approvalOfTask: "read",
      listApprovals: "read",
      runApproval: "once",
      beginContent: "once",
      subjectKey: "read",
      eraseSubject: "once",
      noteErased: "repeatable",
      erasures: "read",
      erasedSince: "read",
      policyKeys: "read",
      putPolicyKey: "once",
      deletePolicyKey: "once",
    },
  },
  session: {
    names: 2,
    methods: {
      create: "once",
      info: "read",
      setMeta: "once",
      append: "once",
      items: "read",
      item: "read",
      deleteItem: "once",
      putResponse: "once",
      response: "read",
      deleteResponse: "repeatable",
      erase: "repeatable",
      destroy: "repeatable",
    },
  },
  task: {
    names: 2,
    methods: {
      putPayload: "repeatable",
      payload: "read",
      startRun: "repeatable",
      leaseRun: "once",
      endRun: "once",
      putResult: "repeatable",
      result: "read",
      detach: "repeatable",
      detached: "read",
      detachedCall: "read",
      leaseTask: "once",
      renewTask: "waits",
      releaseTask: "once",
      openLog: "repeatable",
      showLog: "repeatable",
      appendLog: "repeatable",
      closeLog: "once",
      watchLog: "stream",
      cancelTask: "repeatable",
      callback: "read",
      beginCallback: "once",
      endCallback: "once",
      forgetTask: "repeatable",
    },
  },
  batch: {
    names: 1,
    methods: {
      beginFile: "repeatable",
      keepFile: "repeatable",
      file: "read",
      files: "read",
      dropFile: "once",
      createBatch: "repeatable",
      batch: "read",
      batches: "read",
      cancelBatch: "repeatable",
      leaseBatch: "once",
      releaseBatch: "once",
      renewBatch: "repeatable",
      validated: "once",
      takeLines: "once",
      retryLine: "once",
      settleLines: "repeatable",
      finalizing: "repeatable",
      finishBatch: "once",
    },
  },
  cell: {
    names: 0,
    methods: {
      activate: "repeatable",
      active: "read",
      system: "once",
      systemLedger: "read",
      systemLog: "read",
      systemPeriod: "read",
      count: "once",
      poolReport: "repeatable",
      pools: "read",
      tenants: "read",
      registerTenant: "repeatable",
    },
  },
  policy: { names: 1, methods: { state: "read", bundle: "read", put: "once", activate: "once", list: "read" } },
  control: { names: 0, methods: { withTenant: "once", asOperator: "once", ready: "read" } },
  archive: {
    names: 0,
    methods: {
      check: "read",
      put: "once",
      putStream: "upload",
      get: "read",
      getStream: "stream",
      head: "read",
      list: "read",
      delete: "once",
    },
  },
  queue: {
    names: 0,
    methods: {
      send: "once",
      receive: "once",
      extend: "once",
      remove: "repeatable",
      bury: "once",
      depth: "read",
      dead: "read",
      deadLetter: "read",
      redrive: "once",
      purge: "once",
      purgeAll: "once",
    },
  },
  signer: { names: 0, methods: { keys: "read", signStatement: "read" } },
  moves: {
    names: 1,
    methods: {
      leave: "repeatable",
      state: "read",
      cancel: "once",
      // The same part again is made anew, and so is what is behind it.
      export: "repeatable",
      release: "repeatable",
      stage: "repeatable",
      // Two of one process never write at once; the second is told so.
      import: "repeatable",
      activate: "repeatable",
    },
  },
  host: { names: 0, methods: { facts: "read" } },
};

export type RemoteClassName = keyof RemotePorts;
export const isRemoteClass = (name: string): name is RemoteClassName => Object.hasOwn(REMOTE_CLASSES, name);

/** What becomes of a method's repetition; null for one that no port has. */
export function methodKind(of: string, method: string): MethodKind | null {
  if (!isRemoteClass(of)) return null;
  const methods: Readonly<Record<string, MethodKind>> = REMOTE_CLASSES[of].methods;
  return Object.hasOwn(methods, method) ? (methods[method] ?? null) : null;
}
