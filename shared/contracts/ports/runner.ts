import type { TaskId, TenantId } from "../ids.ts";

/**
 * Runs a task without a caller, through the same seam as a call: identity and policy are asked anew, and what the run
 * does is recorded as its own. Resolves when there is nothing left to do now; a rejection is tried again later.
 */
export interface Runner {
  run(tenant: TenantId, task: TaskId): Promise<void>;
  /**
   * Carries out a detached task that no worker is sent for, or ends one that was cancelled, is too late, or was begun
   * too often. May resolve once it has the lease.
   */
  carry(tenant: TenantId, task: TaskId): Promise<void>;
  /** Tells the task's caller that it has ended. Rejects when they could not be told. */
  callback(tenant: TenantId, task: TaskId): Promise<void>;
  /** Tells whoever the tenant named that the task waits for approval. Rejects when they could not be told. */
  notify(tenant: TenantId, task: TaskId): Promise<void>;
}

/** A runner that is there later; whoever calls it before waits. */
export const laterRunner = (runner: () => Promise<Runner>): Runner => ({
  run: async (tenant, task) => (await runner()).run(tenant, task),
  carry: async (tenant, task) => (await runner()).carry(tenant, task),
  callback: async (tenant, task) => (await runner()).callback(tenant, task),
  notify: async (tenant, task) => (await runner()).notify(tenant, task),
});
